"""Summarises a ticket in a readable file next to it."""
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from torch import Tensor, nn

from ..costs.cost import CANNOT_RUN, check_normalised, layer_costs, total
from ..errors import TicketError, one_line
from ..models.hrnas.widths import searched_parts
from ..pruning.mask import Mask
from ..pruning.prunable import nonzero
from ..search.graph.described import KEY as CHANNELS
from ..settings.checks import as_number
from .family import Family

#: In the facts of a compact ticket: what it was made of.
COMPACTED = 'compacted'


class Summarized(Protocol):
    """Has the parts of a ticket that its summary needs."""

    @property
    def model(self) -> dict[str, Any]: ...

    @property
    def mask(self) -> Mask: ...

    @property
    def family(self) -> Family | None: ...

    @property
    def meta(self) -> dict[str, Any]: ...

    @property
    def sparsity(self) -> float: ...

    def build(self) -> nn.Module: ...


def summarize(ticket: Summarized, input_shape: Sequence[int],
              supernet: Mapping[str, float] | None = None) -> dict[str, Any]:
    """Return the sparsity, cost and architecture of a ticket as plain data, and its levels' where
    it has some.

    Args:
        ticket (Ticket): The ticket.
        input_shape (Sequence[int]): Height and width at which MACs are counted.
        supernet (Mapping, optional): ``params`` and ``macs`` before the search. Defaults to those
            that the ticket knows: the searched network's, where its run has searched nothing. The
            supernet is left out where it knows none.

    Raises:
        TicketError: The network cannot be built, or takes no images of that size.
        ConfigError: It takes images of other channels than its means are of.
    """
    height, width = input_shape
    network = ticket.build()
    try:
        costs = total(layer_costs(network, (height, width), _keep_masks(ticket, network)))
    except CANNOT_RUN as error:
        check_normalised(network, (height, width))
        raise TicketError(f'the network of the ticket takes no images of {height}x{width}: '
                          f'{one_line(error, 150)}. Remedy: take the ticket from the training run '
                          'again.') from error
    before = supernet or (ticket.meta['supernet'] or costs if 'supernet' in ticket.meta else {})
    meta = dict(ticket.meta)
    channels = meta.pop(CHANNELS, None)  # too long to read; the units left of each group are not
    found: dict[str, Any] = dict(channels=dict(channels['widths'])) if channels else {}
    if ticket.family is not None:
        found['levels'] = [dict(level=level, sparsity=ticket.family.mask(place).sparsity)
                           for place, level in enumerate(ticket.family.levels)]
    return dict(
        meta,
        **found,
        sparsity=_sparsity(ticket),
        params=dict(_of_supernet(before, 'params'), searched=costs['params'],
                    sparse=costs['nonzero']),
        macs=dict(_of_supernet(before, 'macs'), searched=costs['macs'],
                  sparse=costs['sparse_macs']),
        input_shape=list(input_shape),
        layer_sparsity=ticket.mask.layer_sparsity(),
        widths={name: settings['widths'] for name, settings in searched_parts(ticket.model)})


def _keep_masks(ticket: Summarized, network: nn.Module) -> dict[str, Tensor]:
    """Return the mask; of a compact ticket's backbone, which has none, the weights that are not 0.
    """
    kept = {}
    backbone = getattr(network, 'backbone', None)
    if COMPACTED in ticket.meta and isinstance(backbone, nn.Module):
        kept = {f'backbone.{name}': keep for name, keep in nonzero(backbone).items()}
    return {**kept, **ticket.mask}


def _sparsity(ticket: Summarized) -> float:
    """Return the share of prunable weights that is pruned; of a compact ticket, that was before."""
    origin = ticket.meta.get(COMPACTED)
    before = as_number(origin.get('sparsity')) if isinstance(origin, dict) else None
    return ticket.sparsity if before is None else before


def _of_supernet(before: Mapping[str, float], key: str) -> dict[str, float]:
    return dict(supernet=before[key]) if before.get(key) is not None else {}
