"""Carries ``mmst curves`` out."""
import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from ..costs.cost import image_channels
from ..deploy.open import check_shape, open_ticket
from ..errors import config_error
from ..lab.demo.speed import Run, milliseconds, sparse_engine
from ..lab.machine import machine
from ..lab.study.curves import merge, read_table
from ..lab.study.figure import write_figures
from ..lab.ticket_curve import Level, write_curve
from ..settings.shape import first_shape
from ..tickets import Ticket
from .run_summary import known_facts, level_metrics, metrics_at


def run(args: argparse.Namespace) -> None:
    """Merge the tables or time the tickets, draw, say where the files are."""
    tables = [path for path in args.tables if path.suffix == '.json']
    if tables and len(tables) < len(args.tables):
        other = next(path for path in args.tables if path.suffix != '.json')
        raise config_error('TABLE', str(other), 'is no table of a study, and others are',
                           'give tables alone, or tickets alone')
    folder = args.out or Path(args.stem).parent
    if not tables:
        paths = draw_tickets(args, folder)
    elif args.metric is None and args.shape is None:
        paths = write_figures(merge(args.name, [read_table(path) for path in tables]), folder)
    else:
        raise config_error('--metric' if args.metric else '--shape', args.metric or args.shape,
                           'tables of studies have metrics and sizes of their own', 'omit it')
    print('written: ' + ' '.join(map(str, paths)))


def draw_tickets(args: argparse.Namespace, folder: Path) -> list[Path]:
    """Draw accuracy against milliseconds, which are measured now; returns the paths."""
    tickets, facts = open_tickets(args.tables)
    shapes = [check_shape(args.shape), *(ticket.meta.get('input_shape')
                                         for ticket in tickets.values())]
    shape = first_shape(*shapes)
    metric = common_metric(facts, args.metric)
    times = times_of(tickets, shape)
    levels = [Level(path, facts[path]['sparsity'], facts[path]['metrics'][metric], times[path])
              for path in tickets]
    for level in levels:
        print(f'{level.ticket}: {level.sparsity:.1%} sparse, {metric} {level.score:.4g}, '
              f'{level.milliseconds:.3g} ms')
    caption = f'sparse engine, one thread, {shape[0]}x{shape[1]}, {machine()["cpu"]}'
    return write_curve(levels, metric, caption, args.name, folder)


def open_tickets(paths: Sequence[Path]) -> tuple[dict[str, Ticket], dict[str, Mapping[str, Any]]]:
    """Return tickets by name, of a family those of its levels, and the facts of each."""
    tickets: dict[str, Ticket] = {}
    facts: dict[str, Mapping[str, Any]] = {}
    for path in map(str, paths):
        ticket = open_ticket(path)
        if ticket.family is None:
            tickets[path], facts[path] = ticket, known_facts(path, ticket)
            continue
        metrics = level_metrics(path)
        for level in ticket.family.levels:
            name = f'{path} at {level:.9g}'
            tickets[name] = ticket.at(level)
            facts[name] = dict(sparsity=tickets[name].sparsity, metrics=metrics_at(level, metrics))
    return tickets, facts


def common_metric(facts: Mapping[str, Mapping[str, Any]], asked: str | None) -> str:
    """Return the metric to draw: the one that is asked for, or the first that all tickets have.

    Raises:
        ConfigError: A ticket has none, or not that one.
    """
    for path, own in facts.items():
        if not own.get('metrics'):
            raise config_error('TICKET', path, 'its metrics are not known', 'keep the .json of its '
                               'run next to it, e.g. ticket.json for ticket.pth')
    first, *others = ([*own['metrics']] for own in facts.values())
    shared = [name for name in first if all(name in names for names in others)]
    if (asked or (shared or [None])[0]) not in shared:
        raise config_error('--metric', asked, 'the tickets do not all have it',
                           f'give one of {", ".join(shared)}' if shared else
                           'give tickets of one task')
    return asked or shared[0]


def times_of(tickets: Mapping[str, Ticket], shape: tuple[int, int]) -> dict[str, float]:
    """Return the milliseconds of each ticket, all of them timed in turns.

    Raises:
        TicketError: The sparse engine cannot run one.
    """
    runs: dict[str, Run] = {path: sparse_engine(ticket) for path, ticket in tickets.items()}
    networks: Sequence[Any] = list(runs.values())
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return milliseconds(runs, torch.zeros(1, image_channels(networks[0].model), *shape))
    finally:
        torch.set_num_threads(before)
