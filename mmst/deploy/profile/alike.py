"""Finds the modules of a supernet that run the same code on maps of one size."""
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from ...costs.latency.work import ENGINES, timed_modules


@torch.inference_mode()
def alike_modules(supernet: nn.Module, engine: str, image: Tensor) -> list[Sequence[str]]:
    """Return the paths of all timed modules, in groups of those in which a thing costs the same.

    Args:
        supernet (nn.Module): In eval mode.
        engine (str): One of :data:`mmst.costs.latency.work.ENGINES`.
        image (Tensor): (1, C, H, W) float32.
    """
    modules, sizes = timed_modules(supernet), dict[nn.Module, tuple[int, ...]]()

    def note(module: nn.Module, inputs: Any, output: Any) -> None:
        sizes[module] = tuple(tree_leaves(output)[0].shape[2:])

    hooks = [module.register_forward_hook(note) for module in modules.values()]
    try:
        supernet(image)
    finally:
        for hook in hooks:
            hook.remove()
    groups: dict[Any, list[str]] = {}
    for path, module in modules.items():
        layer = ENGINES[engine].layer_of(module)
        groups.setdefault((layer, sizes.get(module)), []).append(path)
    return list(groups.values())
