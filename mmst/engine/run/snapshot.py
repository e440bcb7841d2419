"""Describes a network at one moment of its run, as plain data."""
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from ...costs.cost import layer_costs, total
from ...models.hrnas.widths import get_widths
from ...pruning.mask import Mask
from ...search.units import find_units

PARTS = ('backbone', 'neck')


def snapshot(model: nn.Module, mask: Mapping[str, Tensor],
             input_shape: tuple[int, int] | None) -> dict[str, Any]:
    """Return the sparsity, costs and units left of each block; the model is not touched.

    Args:
        model (nn.Module): A whole OpenMMLab model, unwrapped.
        mask (Mapping[str, Tensor]): Parameter name to bool, True where kept; may be empty.
        input_shape (Tuple[int, int], optional): Height and width at which MACs are counted; costs
            are left out without it.

    Returns:
        dict: ``sparsity``; ``layers``, the share pruned of each weight; ``units``, those left of
        each group of search units by kernel size (0: tokens); ``widths`` of the search blocks by
        part; with ``input_shape`` also ``params``, ``macs``, and ``nonzero``, ``sparse_macs`` of
        the kept weights. Keys are text, as they come back from JSON.
    """
    kept = Mask(mask)
    costs = total(layer_costs(model, input_shape, kept)) if input_shape else {}
    units = {name: {str(label): n for label, n in group.count_by_label().items()}
             for name, group in find_units(model).items()}
    return dict(sparsity=kept.sparsity, layers=kept.layer_sparsity(), units=units,
                widths=part_widths(model), **costs)


def part_widths(model: nn.Module) -> dict[str, Any]:
    """Return widths of the search blocks of backbone and neck, where they have any."""
    # Some networks say of a part that there is none: neck=None.
    parts = {part: getattr(model, part, None) for part in PARTS}
    found = {part: get_widths(module) for part, module in parts.items() if module is not None}
    return {part: {name: dict(w, channels={str(k): n for k, n in w['channels'].items()})
                   for name, w in widths.items()} for part, widths in found.items() if widths}
