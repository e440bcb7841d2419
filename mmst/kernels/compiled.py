"""torch.compile for search blocks, one by one."""
from collections.abc import Callable
from types import FunctionType
from typing import Any

import torch
from torch import nn

from ..models.hrnas.lightweight_transformer import LightweightTransformer
from ..models.hrnas.search_block import SearchBlock
from ..models.hrnas.widths import search_blocks


class BlockCompiler:
    """Compiles the training pass of each search block; blocks of one shape share a graph.

    A network of a hundred blocks has some twenty shapes, and after a search only those that changed
    are compiled anew: the whole network as one graph would be compiled from scratch. A block's
    residual and MixConv path are one graph, encoder and decoder of its Transformer another: these
    have the same shape in all blocks with as many tokens. Evaluation is left as it is.

    Args:
        backend (str or Callable): Of torch.compile. Defaults to ``'inductor'``.
    """

    def __init__(self, backend: str | Callable = 'inductor'):
        self.backend = backend
        self.functions: dict[tuple, Callable] = {}
        self.count = 0

    def __call__(self, model: nn.Module) -> None:
        """Let the search blocks of ``model`` train compiled; call it again after a change."""
        before, self.functions = self.functions, {}  # graphs of shapes that are gone go too
        for path, block in search_blocks(model).items():
            block.compiled = self._function(before, shape_of(block), SearchBlock.convolve, path)
            if block.transformer:
                block.transformer.compiled = self._function(
                    before, mixing_shape_of(block.transformer), LightweightTransformer.mix, path)

    def _function(self, before: dict[tuple, Callable], key: tuple, method: FunctionType,
                  path: str) -> Callable:
        if key not in self.functions:
            self.functions[key] = before.get(key) or self._compile(method, path)
        return self.functions[key]

    def _compile(self, method: FunctionType, path: str) -> Callable:
        # torch keeps graphs by code object and gives up on one that meets too many shapes. So each
        # shape has a code object of its own, and a name: by it torch remembers sizes that vary.
        self.count += 1
        name = f'{method.__name__}_{self.count}_{path.replace(".", "_")}'
        code = method.__code__.replace(co_name=name)
        return torch.compile(FunctionType(code, method.__globals__, name), backend=self.backend)


def shape_of(block: SearchBlock) -> tuple[Any, ...]:
    """What the graph of a block without its Transformer depends on, its input excepted."""
    path = block.mixconv
    return (_tensors(block.residual), _tensors(path), path.in_channels, path.out_channels,
            path.stride, path.ops)


def mixing_shape_of(transformer: LightweightTransformer) -> tuple[Any, ...]:
    """What the graph of encoder and decoder depends on, its input excepted."""
    queries = transformer.queries
    return (tuple(queries.shape), queries.requires_grad, _tensors(transformer.encoder),
            _tensors(transformer.decoder))


def _tensors(module: nn.Module) -> tuple[Any, ...]:
    return tuple((name, tuple(p.shape), p.requires_grad) for name, p in module.named_parameters())
