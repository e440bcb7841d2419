"""Checks the invariants of sparse training after every step."""
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ...errors import TrainingError
from ...pruning.reactivation import PruneState


@torch.no_grad()
def check_pruned_are_zero(weights: Mapping[str, nn.Parameter], masks: PruneState,
                          copies: Mapping[str, Tensor] | None = None) -> None:
    """Refuse pruned weights that are not exactly 0.

    Args:
        weights (Mapping[str, nn.Parameter]): The prunable weights by name.
        masks (PruneState): The masks in force.
        copies (Mapping[str, Tensor], optional): The averaged weights by the same names.

    Raises:
        TrainingError: Naming the first parameter, how many of its weights drifted and how far.
    """
    for name, weight in weights.items():
        if weight not in masks:
            continue
        for kind, tensor in (('', weight), ('averaged ', (copies or {}).get(name))):
            if tensor is None:
                continue
            drifted = tensor[masks[weight]['pruned']]
            count = int(torch.count_nonzero(drifted))
            if count:
                raise TrainingError(
                    f'{count} pruned weights of {kind}{name} are not 0 (up to '
                    f'{float(drifted.abs().max()):.3g}). Remedy: find the code that changes them '
                    'after the optimizer\'s step, e.g. a hook, and let it spare pruned ones.')
