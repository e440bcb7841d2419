"""Compacts a ticket of any network: its dead channels go, through the groups of its search."""
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ...pruning.mask import Mask
from ...search.graph.channels import channels_of
from ...search.graph.plan import Side
from ...search.surgery import Cut
from ...search.target import round_counts
from ...search.unit_group import UnitGroup
from ...search.units import find_units
from ...tickets import Ticket


def has_channels(ticket: Ticket) -> bool:
    """Return whether a ticket tells which channels of its network belong together."""
    return 'channels' in ticket.meta


@torch.no_grad()
def compact_channels(ticket: Ticket, multiple: int = 1) -> Ticket:
    """Remove the channels that nothing reads, or that are 0; outputs stay the same up to rounding.

    A channel is read by all convolutions and linear layers that have a column for it; the mask may
    have emptied these. Removed channels read no others any more, so this is repeated until
    nothing is left to remove.

    Args:
        ticket (Ticket): Of a network whose channels were followed through a pass.
        multiple (int): Channels of each group are left in multiples of it, as far as there are so
            many. Defaults to 1.
    """
    model = ticket.build()
    weights = dict(model.named_parameters())
    masks = {weights[name]: {'kept': keep} for name, keep in ticket.mask.items()}
    readers = _reading_sides(model)
    while True:
        removed = 0
        for name, group in find_units(model).items():
            alive = live_units(model, name, readers)
            order = alive.float()  # among the dead, the first ones stay where some have to
            stays = round_counts([0] * len(group), torch.nonzero(alive).flatten().tolist(),
                                 order, multiple, group.minimum)
            if len(stays) < len(group):
                group.keep(torch.tensor(stays), Cut(masks))
                removed += len(group) - len(stays)
        if not removed:
            break
    mask = Mask({name: masks[p]['kept'] for name, p in model.named_parameters() if p in masks})
    before = ticket.meta.get('compacted') or dict(sparsity=ticket.sparsity)
    meta = {key: value for key, value in ticket.meta.items() if key != 'survivors'}
    return Ticket.from_model(model, ticket.model, mask,
                             dict(meta, compacted=dict(before, multiple=multiple)))


def live_units(model: nn.Module, name: str, readers: Mapping[str, int]) -> Tensor:
    """Return 1-D bool: the units of a group that are read and are not 0."""
    channels = channels_of(model)
    assert channels is not None, 'a ticket with channels builds a network that has them'
    tensors = dict(model.named_parameters())
    places = {side: index for side, index in channels.places(name).items()
              if side[0] in tensors}
    read = [_any(tensors, side, index) for side, index in places.items()
            if readers.get(side[0]) == side[1]]
    written = []
    for side in channels.plan.groups[name].scales:
        bias = f'{side[0].rpartition(".")[0]}.bias'.lstrip('.'), 0
        written.append(_any(tensors, side, places[side]))
        if bias in places:
            written.append(_any(tensors, bias, places[bias]))
    group: UnitGroup = find_units(model)[name]
    alive = torch.ones(len(group), dtype=torch.bool)
    for found in (read, written):
        if found:
            alive &= torch.stack(found).any(0)
    return alive


def _any(tensors: Mapping[str, Tensor], side: Side, index: Tensor) -> Tensor:
    """Return the units with a number other than 0 at their positions (units, k) of a dimension."""
    other = [d for d in range(tensors[side[0]].dim()) if d != side[1]]
    filled = tensors[side[0]] != 0
    for d in sorted(other, reverse=True):
        filled = filled.any(d)
    return filled[index].any(1)


def _reading_sides(model: nn.Module) -> dict[str, int]:
    """Return, by the name of each dense weight, the dimension of its inputs."""
    found = {}
    for path, m in model.named_modules():
        if isinstance(m, nn.Linear) or (isinstance(m, nn.modules.conv._ConvNd) and m.groups == 1):
            found[f'{path}.weight'.lstrip('.')] = 0 if getattr(m, 'transposed', False) else 1
    return found
