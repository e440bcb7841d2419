"""Rewinds a ticket to weights of its own training run (supplement, Table 3)."""
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from ..errors import TicketError
from ..search.surgery import Cut
from ..search.survivors import check_survivors
from ..search.units import find_units
from .ticket import Ticket

#: Group of search units to the indices, in the initial supernet, of the units that are left.
Survivors = Mapping[str, list[int]]


def rewind(ticket: Ticket, point: Ticket) -> Ticket:
    """Return the ticket's architecture and mask with the weights of an earlier time of its run.

    Units were removed since, so the earlier network is cut to the units that survived.

    Args:
        ticket (Ticket): Of the end of a run.
        point (Ticket): The weights that ``RewindHook`` has kept, without a mask.

    Raises:
        TicketError: They are not of one run.
    """
    network = point.build()
    shrink(network, point.meta.get('survivors', {}), ticket.meta.get('survivors', {}))
    state = network.state_dict()
    for name, value in ticket.state_dict.items():
        if name not in state or state[name].shape != value.shape:
            raise _other_run(f'{name} differs in shape')
    return ticket.with_weights(state, start=f'rewound to {point.meta["step"]}')


def shrink(network: nn.Module, before: Survivors, after: Survivors) -> None:
    """Remove, in place, the units of ``before`` that are not among those of ``after``."""
    groups = find_units(network)
    if before:
        check_survivors(before, groups)
    for name, index in positions(before, after).items():
        if name in groups and len(index) < len(groups[name]):
            groups[name].keep(torch.tensor(index, dtype=torch.long), Cut())


def positions(before: Survivors, after: Survivors) -> dict[str, list[int]]:
    """Return the places of ``after``'s units among ``before``'s, both numbered in the supernet.

    Raises:
        TicketError: ``after`` has a unit that ``before`` lacks.
    """
    if set(before) != set(after):
        raise _other_run('they have other groups of search units')
    found = {}
    for name, units in after.items():
        place = {unit: i for i, unit in enumerate(before[name])}
        if not set(units) <= set(place):
            raise _other_run(f'{name} has units that were removed before')
        found[name] = [place[unit] for unit in units]
    return found


def saved_points(folder: str | Path) -> list[int]:
    """Return epochs, or iterations, whose weights lie in a folder of rewind points; ascending."""
    return sorted(int(p.stem) for p in Path(folder).glob('*.pth') if p.stem.isdigit())


def load_point(path: str | Path) -> Ticket:
    """Read a rewind point.

    Raises:
        TicketError: It was not saved; the message names those that were.
    """
    path = Path(path)
    if not path.is_file():
        saved = saved_points(path.parent)
        there = f'the run kept {", ".join(map(str, saved))}' if saved else 'the run kept none'
        raise TicketError(f'{path}: this rewind point was not saved; {there}. Remedy: '
                          f'{"take one of those, or " * bool(saved)}train with '
                          'default_hooks.rewind=dict(type=\'mmst.RewindHook\', epochs=[0, ...]).')
    return Ticket.load(path)


def _other_run(problem: str) -> TicketError:
    return TicketError(f'ticket and rewind point are not of one run: {problem}. Remedy: take both '
                       'from one work directory.')
