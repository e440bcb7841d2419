"""Carries ``mmst profile`` out."""
import argparse
import os.path as osp

from torch import nn

from .. import files
from ..costs.latency.table import LatencyTable
from ..costs.latency.this_machine import this_machine
from ..deploy.compact import is_compact
from ..deploy.open import check_shape, open_ticket
from ..deploy.profile import measure_network, profile
from ..deploy.ticket_cost import config_network
from ..engine.run.config_file import read_config
from ..errors import config_error
from ..openmmlab.toolbox import check_toolbox
from ..settings.checks import check_number
from ..settings.shape import first_shape, input_shape
from ..tickets import Ticket
from .arguments.profile import DEVICES
from .waiting import waiting


def run(args: argparse.Namespace) -> None:
    """Measure and write a table, or read one; predict the ticket."""
    shape, ticket = check_shape(args.shape), None
    if osp.splitext(args.file)[1] != '.py':
        ticket = open_checked(args.file)
        own = ticket.meta.get('input_shape')
    else:
        cfg = read_config(args.file)
        check_toolbox(cfg)
        own = input_shape(cfg)
    if args.table is not None:
        table = read_table(args, ticket, shape)
    else:
        shape = first_shape(shape, own)
        out = args.out or f'latency_{args.device}_{shape[0]}x{shape[1]}.json'
        files.replaceable(out)
        supernet = (ticket.supernet() if ticket is not None
                    else config_network(cfg.model, cfg.get('default_scope')))
        table = measure_table(args, supernet, shape)
        table.save(out)
        print(description(out, table))
    if ticket is not None:
        predict(args, ticket.build(), table)


def open_checked(path: str) -> Ticket:
    """Return the ticket of a file; compact ones have no blocks left that could be timed.

    Raises:
        ConfigError: It is a compact one.
    """
    ticket = open_ticket(path)
    if is_compact(ticket):
        raise config_error('TICKET', path, 'it is compact, and its search blocks are taken apart',
                           'give the ticket that it was made of')
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
    table = LatencyTable.load(args.table, '--table')
    table.check_covers(ticket.build(), '--table', args.table, shape)
    other = table.differs_from(this_machine())
    if other:
        print(f'warning: --table {args.table}: {other}; the ticket is measured on this one')
    return table


def measure_table(args: argparse.Namespace, supernet: nn.Module,
             shape: tuple[int, int]) -> LatencyTable:
    """Return a new table.

    Raises:
        ConfigError, TicketError: As :func:`mmst.deploy.profile.measure.profile`.
    """
    for name, low in (('networks', 12), ('checked', 1), ('rounds', 1), ('threads', 1)):
        check_number(f'--{name}', getattr(args, name), low=low, whole=True,
                     remedy='leave it out')
    lines: list[str] = []
    with waiting(f'timing {args.networks + args.checked} networks of {shape[0]}x{shape[1]}',
                 progress=lambda: lines[-1] if lines else ''):
        return profile(supernet, shape, DEVICES[args.device], args.threads, args.networks,
                       args.checked, args.rounds, args.seed, lines.append)


def description(path: str, table: LatencyTable) -> str:
    """Return a description of a table."""
    spreads = sorted(entry.spread for entry in table.modules.values())
    height, width = table.input_shape
    return (f'{path}: {len(table.modules)} modules, {table.engine} engine, {table.threads} '
            f'thread{"s" * (table.threads > 1)}, {height}x{width}, '
            f'{table.machine["processor"]}\n'
            f'a module is {spreads[len(spreads) // 2]:.1%} off in the median; '
            f'{table.check["networks"]:.0f} other networks: {table.check["mean_error"]:.1%} in the '
            f'mean, {table.check["largest_error"]:.1%} at most; two halves of their calls differ '
            f'by {table.check["repeat_error"]:.1%}')


def predict(args: argparse.Namespace, network: nn.Module, table: LatencyTable) -> None:
    """Print a ticket's time, measured and predicted."""
    predicted = table.predict(network)
    found = measure_network(network, table, max(args.rounds, 1))
    print(f'{args.file}: {predicted:.3g} ms predicted, {found:.3g} ms measured '
          f'({predicted / found - 1:+.1%})')
