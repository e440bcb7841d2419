"""torch.compile for search blocks, one by one."""
from types import FunctionType
from typing import Any, Callable, Dict, Tuple, Union

import torch
from torch import nn

from .search_block import SearchBlock
from .widths import search_blocks


class BlockCompiler:
    """Compiles the training pass of each search block; blocks of one shape share a graph.

    A network of a hundred blocks has some twenty shapes, and after a search only those that changed
    are compiled anew: the whole network as one graph would be compiled from scratch. Evaluation is
    left as it is.

    Args:
        backend (str or Callable): Of torch.compile. Defaults to ``'inductor'``.
    """

    def __init__(self, backend: Union[str, Callable] = 'inductor'):
        self.backend = backend
        self.functions: Dict[Tuple, Callable] = {}
        self.count = 0

    def __call__(self, model: nn.Module) -> None:
        """Let the search blocks of ``model`` train compiled; call it again after a change."""
        before, self.functions = self.functions, {}  # graphs of shapes that are gone go too
        for path, block in search_blocks(model).items():
            key = shape_of(block)
            if key not in self.functions:
                self.functions[key] = before.get(key) or self._compile(path)
            block.compiled = self.functions[key]

    def _compile(self, path: str) -> Callable:
        # torch keeps graphs by code object and gives up on one that meets too many shapes. So each
        # shape has a code object of its own, and a name: by it torch remembers sizes that vary.
        self.count += 1
        name = f'block_{self.count}_{path.replace(".", "_")}'
        compute = SearchBlock.compute
        code = compute.__code__.replace(co_name=name)
        return torch.compile(FunctionType(code, compute.__globals__, name), backend=self.backend)


def shape_of(block: SearchBlock) -> Tuple[Any, ...]:
    """What the graph of a block depends on, its input excepted."""
    tensors = tuple((name, tuple(p.shape), p.requires_grad) for name, p in block.named_parameters())
    path = block.mixconv
    kernels = path.kernel_devices, tuple(path.kernels)
    return tensors, path.in_channels, path.out_channels, path.stride, kernels
