"""Stores masks in checkpoints, and the state of weights that have returned since."""
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from ...errors import TicketError
from ...pruning.mask import Mask
from ...pruning.mask_in_force import MaskInForce
from ...pruning.prunable import with_new_kinds
from ...pruning.reactivation import PruneState
from ...settings.checks import as_number
from .since_return import SinceReturn

MASK, RETURNED = 'mmst_mask', 'mmst_returned'
Weights = Mapping[str, nn.Parameter]


def mask_state(masks: PruneState, weights: Weights) -> dict[str, Any]:
    """Return the mask in force, and the values under it, by parameter name."""
    kept = {name: ~masks[w]['pruned'] for name, w in weights.items() if w in masks}
    values = {n: masks[w]['value'] for n, w in weights.items() if 'value' in masks.get(w, ())}
    return dict(kept=kept, values=values)


def returned_state(returned: PruneState, weights: Weights,
                   averages: SinceReturn | None) -> dict[str, Any]:
    """Return the weights that have returned, and how much of their averages' decay is done."""
    # Copies: they may be views of one tensor of all weights, which a file would then hold.
    return dict(returned={name: returned[w]['returned'].clone() for name, w in weights.items()},
                share=averages.share if averages is not None else 0.)


def restore(in_force: MaskInForce, model: nn.Module, averages: SinceReturn | None,
            loaded: Mapping[str, Any]) -> None:
    """Go on with the mask, or the returned weights, of a checkpoint.

    Args:
        in_force (MaskInForce): Of the run that goes on.
        model (nn.Module): Its network.
        averages (SinceReturn, optional): Corrects the averages of returned weights.
        loaded (Mapping): ``MASK`` and ``RETURNED`` to their entries, or None where there is none.

    Raises:
        TicketError: They are damaged, or belong to other weights.
    """
    weights = in_force.weights
    if loaded.get(MASK) is not None:
        kept = with_new_kinds(loaded[MASK]['kept'], weights, model)
        in_force.put(check_mask(kept, weights))
        for name, value in check_values(loaded[MASK]['values'], weights).items():
            in_force.holder.masks[weights[name]]['value'] = value.to(weights[name].device)
    if loaded.get(RETURNED) is not None:
        in_force.holder.returned = restore_returned(loaded[RETURNED], weights, averages)


def restore_returned(saved: Any, weights: Weights, averages: SinceReturn | None) -> PruneState:
    """Go on with the averages of returned weights as ``returned_state`` found them.

    Raises:
        TicketError: The state is damaged, or belongs to other weights.
    """
    share = as_number(saved.get('share')) if isinstance(saved, dict) else None
    if share is None or not 0 <= share <= 1:
        raise TicketError(f'the checkpoint\'s {RETURNED} has no share between 0 and 1. Remedy: '
                          'resume from the checkpoint before it.')
    mask = check_mask(saved.get('returned'), weights)
    returned = {w: dict(returned=mask[name].to(w.device)) for name, w in weights.items()}
    if averages is not None:
        averages.begin(weights, returned, share)
    return returned


def check_values(values: Mapping[str, Tensor], weights: Weights) -> Mapping[str, Tensor]:
    """Return the values under a checkpoint's mask, which belong to the weights to prune.

    Raises:
        TicketError: Naming the first that belongs to none, or does not fit.
    """
    for name, value in values.items():
        if name not in weights or value.shape != weights[name].shape:
            raise TicketError(f'the checkpoint\'s {MASK} has values of {name}, and no weight that '
                              'is pruned has such. Remedy: resume from the checkpoint before it.')
    return values


def check_mask(tensors: Any, weights: Weights) -> Mask:
    """Return a mask from a checkpoint, for exactly the weights that are to be pruned.

    Raises:
        TicketError: Naming the first tensor that is missing or does not fit.
    """
    mask = Mask(tensors if isinstance(tensors, dict) else {})
    others = sorted(set(mask) ^ set(weights))
    if others:
        raise TicketError(f'the checkpoint\'s mask and the weights to prune differ by {others[0]}. '
                          'Remedy: resume with the parts, transformers and leave_alone of '
                          'PruneHook that the run had.')
    mask.check_fits({name: weight.shape for name, weight in weights.items()})
    return mask
