"""Finds the modules of a supernet that run the same code on maps of one size."""
import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from ...costs.latency.work import ENGINES, timed_modules
from ...search.copyable import copyable


@torch.inference_mode()
def alike_modules(supernet: nn.Module, engine: str, image: Tensor) -> list[Sequence[str]]:
    """Return the paths of all timed modules, in groups of those in which a thing costs the same.

    Args:
        supernet (nn.Module): It stays as it is.
        engine (str): One of :data:`mmst.costs.latency.work.ENGINES`.
        image (Tensor): (1, C, H, W) float32.
    """
    network, sizes = copy.deepcopy(copyable(supernet)), dict[nn.Module, tuple[int, ...]]()
    network.eval()  # not chained: some toolboxes' backbones return nothing from it
    modules = timed_modules(network)

    def note(module: nn.Module, inputs: Any, output: Any) -> None:
        sizes[module] = tuple(tree_leaves(output)[0].shape[2:])

    for module in modules.values():
        module.register_forward_hook(note)
    network(image)
    groups: dict[Any, list[str]] = {}
    for path, module in modules.items():
        layer = ENGINES[engine].layer_of(module)
        groups.setdefault((layer, sizes.get(module)), []).append(path)
    return list(groups.values())
