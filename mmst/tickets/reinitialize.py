"""Draws a ticket's mask again, or its weights, as controls (supplement, Tables 1 to 3)."""
from dataclasses import replace
from typing import Any

from ..models.hrnas.widths import without_widths
from ..openmmlab.internals import forget_initialization
from ..pruning.criteria import Random
from ..pruning.draw import draw_mask
from ..pruning.mask import Mask
from ..randomness import isolated_random_state
from ..search.units import find_units
from .rewind import rewind
from .ticket import Ticket


def prune_at_random(ticket: Ticket, seed: int) -> Ticket:
    """Return random pruning (RP): the ticket's architecture under a random mask of its sparsity.

    Its pruned weights are 0 already, so that few weights are left where the new mask keeps them;
    for a random mask over unpruned weights prune a checkpoint instead (``mmst prune``).
    """
    weights = {name: ticket.state_dict[name] for name in ticket.mask}
    mask = draw_mask(Random(seed).score(weights, {}), ticket.sparsity) if weights else ticket.mask
    return ticket.with_mask(mask, start=f'random pruning, seed {seed}')


def reinitialize(ticket: Ticket, seed: int) -> Ticket:
    """Return random re-initialisation (RR-Init): architecture and mask with newly drawn weights.

    A whole supernet is initialised and cut to the units that survived, as in rewinding.

    Args:
        ticket (Ticket): The ticket.
        seed (int): Other than that of the ticket's run.
    """
    cfg = without_widths(ticket.model)
    with isolated_random_state(seed):
        network: Any = ticket.supernet()
        forget_initialization(network)  # mmengine's log of it has thousands of lines
        network.init_weights()
    survivors = {name: list(range(len(group))) for name, group in find_units(network).items()}
    meta = dict(ticket.meta, step=0, survivors=survivors if ticket.meta.get('survivors') else {})
    supernet = Ticket.from_model(network, cfg, Mask({}), meta)
    return replace(rewind(ticket, supernet), meta=dict(
        ticket.meta, start=f're-initialised, seed {seed}'))
