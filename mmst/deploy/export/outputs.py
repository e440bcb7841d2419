"""Names the outputs of a network, as an exported file has them."""
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten_with_path

#: Class of a head, by its own name or a parent's, to the names of its outputs.
HEADS = {
    'RTMCCHead': ('simcc_x', 'simcc_y'),
    'SimCCHead': ('simcc_x', 'simcc_y'),
    'YOLOXHead': ('cls', 'bbox', 'objectness'),
    'CenterNetHead': ('heatmap', 'size', 'offset'),
    'AnchorFreeHead': ('cls', 'bbox', 'centerness'),
    'ATSSHead': ('cls', 'bbox', 'centerness'),
    'AnchorHead': ('cls', 'bbox'),
    'YOLOV3Head': ('map', ),
}


def named_outputs(model: nn.Module, outputs: Any) -> dict[str, Tensor]:
    """Return all floating-point tensors among outputs by their names.

    A single one is ``output``. Of several, those of heads that are known have the names that the
    toolboxes use, levels are numbered: ``cls_0``, ``cls_1``, ``bbox_0``. Others are named by keys
    and places: ``output_0``.
    """
    found = [(path, value) for path, value in tree_flatten_with_path(outputs)[0]
             if isinstance(value, Tensor) and torch.is_floating_point(value)]
    if len(found) == 1:
        return {'output': found[0][1]}
    known = _names_of_head(model)
    return {_name([getattr(key, 'idx', getattr(key, 'key', key)) for key in path], known): value
            for path, value in found}


def _names_of_head(model: nn.Module) -> tuple[str, ...]:
    for name in ('bbox_head', 'head'):
        for kind in type(getattr(model, name, None)).__mro__:
            if kind.__name__ in HEADS:
                return HEADS[kind.__name__]
    return ()


def _name(keys: list[Any], known: tuple[str, ...]) -> str:
    first, *rest = keys
    if isinstance(first, int):
        start = known[first] if first < len(known) else f'output_{first}'
    else:
        start = str(first)
    return '_'.join([start, *map(str, rest)])
