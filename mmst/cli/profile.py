"""Carries ``mmst profile`` out."""
import argparse
import logging
import os.path as osp

from torch import nn

from .. import files
from ..costs.latency.table import LatencyTable
from ..deploy.channels import channels_of
from ..deploy.compact import is_compact
from ..deploy.open import check_shape, open_ticket
from ..deploy.profile import measure_network, profile
from ..deploy.profile.places import Describe, Place, choose_place, device_of
from ..deploy.ticket_cost import config_network
from ..engine.run.config_file import read_config
from ..errors import ConfigError, config_error
from ..openmmlab.quiet_log import quiet_log
from ..openmmlab.toolbox import check_toolbox
from ..pruning.mask import Mask
from ..settings.checks import check_number
from ..settings.shape import first_shape, input_shape
from ..tickets import Ticket
from .arguments.profile import OF_TABLES
from .levels import name_level
from .waiting import waiting


def run(args: argparse.Namespace) -> None:
    """Measure and write a table, or read one; predict the ticket."""
    shape, ticket = check_shape(args.shape), None
    if osp.splitext(args.file)[1] != '.py':
        ticket = open_checked(args.file)
        settings, meta = ticket.model, dict(ticket.meta)
    else:
        cfg = read_config(args.file)
        check_toolbox(cfg)
        settings = cfg.model
        meta = dict(default_scope=cfg.get('default_scope'), input_shape=input_shape(cfg))

    def describe(network: nn.Module) -> Ticket:
        return Ticket.from_model(network, settings, Mask({}), meta)

    if args.table is not None:
        table = read_table(args, ticket, shape)
        device = args.device or device_of(table.engine, table.machine.get('device', 'cpu'))
        place = here(device, describe, table)
    else:
        check_counts(args)
        shape = first_shape(shape, meta.get('input_shape'))
        place = choose_place(args.device or 'cpu', describe, shape, args.threads)
        kind = (args.device or 'cpu').partition(':')[0]
        out = args.out or f'latency_{kind}_{shape[0]}x{shape[1]}.json'
        files.replaceable(out)
        supernet = (ticket.supernet() if ticket is not None
                    else config_network(settings, meta['default_scope']))
        table = measure_table(args, supernet, shape, place)
        table.save(out)
        print(description(out, table))
    if ticket is not None:
        name_level(ticket, args.file)
        predict(args, ticket.build(), table, place)


def check_counts(args: argparse.Namespace) -> None:
    """Refuse numbers of networks, calls and threads that make no sense.

    Raises:
        ConfigError: Naming the first.
    """
    for name, low in (('networks', 12), ('checked', 1), ('rounds', 1), ('threads', 1)):
        check_number(f'--{name}', getattr(args, name), low=low, whole=True,
                     remedy='leave it out')


def here(device: str | None, describe: Describe, table: LatencyTable) -> Place | None:
    """Return where a table was measured; None where this machine has no such place.

    Raises:
        ConfigError: It is another engine's.
    """
    if device is None:
        return None
    try:
        place = choose_place(device, describe, table.input_shape, table.threads)
    except ConfigError as error:
        print(f'the ticket is not measured: {error}')
        return None
    if place.engine != table.engine:
        raise config_error('--device', device, f'the table is of {table.engine}, and networks take '
                           'other times there', 'omit it, or measure a table there, without '
                           '--table')
    return place


def open_checked(path: str) -> Ticket:
    """Return the ticket of a file; compact ones have no blocks left that could be timed.

    Raises:
        ConfigError: It is a compact one.
        TicketError: Its images cannot be normalised.
    """
    ticket = open_ticket(path)
    if is_compact(ticket):
        raise config_error('TICKET', path, 'it is compact, and its search blocks are taken apart',
                           'give the ticket that it was made of')
    channels_of(ticket, ticket.build())
    return ticket


def read_table(args: argparse.Namespace, ticket: Ticket | None,
               shape: tuple[int, int] | None) -> LatencyTable:
    """Return the table of ``--table``.

    Raises:
        ConfigError: It cannot be used here.
    """
    if ticket is None:
        raise config_error('--table', args.table, 'there is no ticket whose time could be '
                           'predicted', 'give TICKET.pth instead of a config')
    if args.out is not None:
        raise config_error('--out', args.out, 'no table is measured with --table', 'omit it')
    for name, usual in OF_TABLES.items():
        if getattr(args, name) != usual:
            raise config_error(f'--{name}', getattr(args, name), 'no table is measured with '
                               '--table', 'omit it')
    check_number('--rounds', args.rounds, low=1, whole=True, remedy='leave it out')
    table = LatencyTable.load(args.table, '--table')
    if args.threads not in (1, table.threads):
        raise config_error('--threads', args.threads, f'the table is of {table.threads}',
                           'omit it, or measure a table of so many')
    table.check_covers(ticket.build(), '--table', args.table, shape)
    return table


def measure_table(args: argparse.Namespace, supernet: nn.Module, shape: tuple[int, int],
                  place: Place) -> LatencyTable:
    """Return a new table.

    Raises:
        ConfigError, TicketError: As :func:`mmst.deploy.profile.measure.profile`.
    """
    lines: list[str] = []
    with waiting(f'timing {args.networks + args.checked} networks of {shape[0]}x{shape[1]}',
                 progress=lambda: lines[-1] if lines else ''), quiet_log(logging.INFO):
        # The engine has a line for each network that it runs.
        return profile(supernet, shape, place, args.networks, args.checked, args.rounds,
                       args.seed, lines.append)


def description(path: str, table: LatencyTable) -> str:
    """Return a description of a table."""
    spreads = sorted(entry.spread for entry in table.modules.values())
    height, width = table.input_shape
    return (f'{path}: {len(table.modules)} modules, {table.engine} engine, {table.threads} '
            f'thread{"s" * (table.threads > 1)}, {height}x{width}, '
            f'{table.machine["processor"]} ({table.machine["device"]})\n'
            f'a module is {spreads[len(spreads) // 2]:.1%} off in the median; '
            f'{table.check["networks"]:.0f} other networks: {table.check["mean_error"]:.1%} in the '
            f'mean, {table.check["largest_error"]:.1%} at most; two halves of their calls differ '
            f'by {table.check["repeat_error"]:.1%}')


def predict(args: argparse.Namespace, network: nn.Module, table: LatencyTable,
            place: Place | None) -> None:
    """Print a ticket's time, predicted and, where the table's place is at hand, measured."""
    predicted = table.predict(network)
    if place is None:
        print(f'{args.file}: {predicted:.3g} ms predicted')
        return
    other = table.differs_from(place.machine())
    if other:
        print(f'warning: --table {args.table}: {other}; the ticket is measured on this one')
    with quiet_log(logging.INFO):
        found = measure_network(network, table, args.rounds, place)
    print(f'{args.file}: {predicted:.3g} ms predicted, {found:.3g} ms measured '
          f'({predicted / found - 1:+.1%})')
