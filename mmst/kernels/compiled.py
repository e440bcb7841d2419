"""Applies torch.compile to search blocks, one by one."""
from collections.abc import Callable
from dataclasses import dataclass
from types import FunctionType
from typing import Any

import torch
from torch import Tensor, nn

from ..models.hrnas.lightweight_transformer import LightweightTransformer
from ..models.hrnas.mixconv import MixConv
from ..models.hrnas.ops import Ops
from ..models.hrnas.widths import search_blocks


class BlockCompiler:
    """Compiles the training pass of each search block; blocks of one shape share a graph.

    A network of a hundred blocks has some twenty shapes, and after a search only those that changed
    are compiled again: the whole network as one graph would be compiled from scratch. A block's
    MixConv path and its sum with the rest are one graph, encoder and decoder of its Transformer
    another: these have the same shape in all blocks with as many tokens. Evaluation is left as it
    is.

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
            if block.mixconv:
                block.ops = CompiledOps(self._function(
                    before, shape_of(block.mixconv), Ops.add_path, path))
            if block.transformer:
                block.transformer.ops = CompiledOps(self._function(
                    before, mixing_shape_of(block.transformer), Ops.mix, path))

    def _function(self, before: dict[tuple, Callable], key: tuple, method: Callable[..., Tensor],
                  path: str) -> Callable:
        if key not in self.functions:
            self.functions[key] = before.get(key) or self._compile(method, path)
        return self.functions[key]

    def _compile(self, method: Any, path: str) -> Callable:
        # torch keeps graphs by code object and gives up on one that meets too many shapes. So each
        # shape has a code object of its own, and a name: by it torch remembers sizes that vary.
        self.count += 1
        name = f'{method.__name__}_{self.count}_{path.replace(".", "_")}'
        code = method.__code__.replace(co_name=name)
        return torch.compile(FunctionType(code, method.__globals__, name), backend=self.backend)


@dataclass(frozen=True)
class CompiledOps(Ops):
    """Computes one method of the reference in training by its compiled form.

    Args:
        function (Callable): Of ``Ops.add_path`` in a block, of ``Ops.mix`` in a Transformer.
    """
    function: Callable[..., Tensor]

    def add_path(self, total: Tensor, path: nn.Module, x: Tensor) -> Tensor:
        return (self.function if path.training else Ops.add_path)(self, total, path, x)

    def mix(self, encoder: nn.Module, decoder: nn.Module, queries: Tensor,
            tokens: Tensor) -> Tensor:
        function = self.function if encoder.training else Ops.mix
        return function(self, encoder, decoder, queries, tokens)


def shape_of(path: MixConv) -> tuple[Any, ...]:
    """Return the key of the graph of a MixConv path: its dependences, the input excepted."""
    return (_tensors(path), path.in_channels, path.out_channels, path.stride, path.ops)


def mixing_shape_of(transformer: LightweightTransformer) -> tuple[Any, ...]:
    """Return the key of the graph of encoder and decoder: its dependences, the input excepted."""
    queries = transformer.queries
    return (tuple(queries.shape), queries.requires_grad, _tensors(transformer.encoder),
            _tensors(transformer.decoder))


def _tensors(module: nn.Module) -> tuple[Any, ...]:
    return tuple((name, tuple(p.shape), p.requires_grad) for name, p in module.named_parameters())
