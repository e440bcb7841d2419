"""Computes a search block's layers by kernels."""
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..models.hrnas.ops import Ops
from ..models.unmodified import is_compiling, is_unmodified
from . import batch_norm, depthwise, pointwise
from .depthwise import normalized
from .side_streams import SideStreams


@dataclass(frozen=True)
class KernelOps(Ops):
    """Computes by kernels wherever they can, otherwise by torch's layers.

    Results differ from the layers' by rounding only. Kernels compute in training, and on a GPU in
    evaluation as well; export keeps to the layers, and so do layers with hooks.

    Args:
        devices (tuple[str]): Where kernels compute: ``'cpu'``, ``'cuda'``.
        kernels (tuple[str]): ``'depthwise'``: convolutions of all kernel sizes in one pass;
            ``'batch_norm'``: BN with its ReLU in one pass; ``'pointwise'``: 1x1 convolutions as
            products of matrices. Defaults to all of them.
        attention (tuple[str]): Where attention in training maps to keys and values by one product
            and has a dimension of heads, for which torch has fused kernels. Defaults to GPUs, which
            start fewer kernels then: on a CPU it takes up to a tenth longer.
        products (tuple[str]): Where all 1x1 convolutions of a search block, strided and grouped
            ones too, are products and multiples. Defaults to GPUs, where cuDNN would plan
            again each that a search has changed.
        streams (SideStreams, optional): Runs independent paths side by side while a pass is
            captured as a graph. Defaults to None: in order.
    """
    devices: tuple[str, ...]
    kernels: tuple[str, ...] = ('depthwise', 'batch_norm', 'pointwise')
    attention: tuple[str, ...] = ('cuda', )
    products: tuple[str, ...] = ('cuda', )
    streams: SideStreams | None = None

    def side_by_side(self, paths: Sequence[tuple[Callable[[Tensor], Tensor], Tensor]]
                     ) -> list[Tensor]:
        return super().side_by_side(paths) if self.streams is None else self.streams(paths)

    def add_paths(self, total: Tensor, first: Callable[[Tensor], Tensor], second: nn.Module,
                  x: Tensor) -> Tensor:
        if self.streams is None:
            return super().add_paths(total, first, second, x)
        for y in self.streams([(first, x), (second, x)]):
            total = total + y
        return total

    def residual(self, residual: nn.Module, x: Tensor) -> Tensor:
        if self._multiplies(residual, x):
            return pointwise.multiply(x, cast(nn.Conv2d, residual))
        return super().residual(residual, x)

    def project(self, conv: nn.Conv2d, x: Tensor) -> Tensor:
        if self._multiplies(conv, x):
            return pointwise.multiply(x, conv)
        return super().project(conv, x)

    def pointwise(self, conv: nn.Conv2d, x: Tensor) -> Tensor:
        if self._multiplies(conv, x):
            return pointwise.multiply(x, conv)
        if self._takes('pointwise', conv, x) and pointwise.can_run(x, conv):
            return pointwise.pointwise(x, conv)
        return super().pointwise(conv, x)

    def norm_relu(self, bn: nn.Module, x: Tensor) -> Tensor:
        if self._takes('batch_norm', bn, x) and batch_norm.can_run(x, bn):
            return batch_norm.batch_norm(x, cast(nn.BatchNorm2d, bn), relu=True)
        return super().norm_relu(bn, x)

    def depthwise(self, convs: Sequence[nn.Conv2d], x: Tensor) -> Tensor:
        weights, stride = _weights(convs), convs[0].stride[0]
        if (self._takes('depthwise', convs[0], x) and _are_plain(convs)
                and depthwise.can_run(x, weights, stride)):
            return depthwise.mixed_depthwise(x, weights, stride)
        return super().depthwise(convs, x)

    def norm_relu_depthwise(self, bn: nn.Module, convs: Sequence[nn.Conv2d], x: Tensor) -> Tensor:
        weights, stride = _weights(convs), convs[0].stride[0]
        if (self._takes('depthwise', convs[0], x) and self._takes('batch_norm', bn, x)
                and _are_plain(convs) and normalized.can_run(x, bn, weights, stride)):
            return normalized.normalized_depthwise(x, cast(nn.BatchNorm2d, bn), weights, stride)
        return super().norm_relu_depthwise(bn, convs, x)

    def keys_and_values(self, key: nn.Linear, value: nn.Linear,
                        memory: Tensor) -> tuple[Tensor, Tensor]:
        plain = all(is_unmodified(layer, nn.Linear) and layer.bias is None
                    for layer in (key, value))
        if plain and self._fuses(memory, key.training and value.training):
            both = F.linear(memory, torch.cat([key.weight, value.weight]))
            keys, values = both.split([key.weight.shape[0], value.weight.shape[0]], dim=-1)
            return keys, values
        return super().keys_and_values(key, value, memory)

    def attend(self, query: Tensor, key: Tensor, value: Tensor, dropout: float = 0.,
               scale: float | None = None, training: bool = False) -> Tensor:
        if not self._fuses(key, training):
            return super().attend(query, key, value, dropout, scale, training)
        query = query.expand(key.shape[0], -1, -1)
        return F.scaled_dot_product_attention(
            query.unsqueeze(1), key.unsqueeze(1), value.unsqueeze(1), dropout_p=dropout,
            scale=scale).squeeze(1)

    def _fuses(self, x: Tensor, training: bool) -> bool:
        device = x.device.type  # in evaluation, with gradients too, every bit stays the layers'
        return training and device in self.devices and device in self.attention

    def _multiplies(self, conv: nn.Module, x: Tensor) -> bool:
        return (x.device.type in self.products and self._takes('pointwise', conv, x)
                and pointwise.can_multiply(x, conv))

    def _takes(self, kernel: str, layer: nn.Module, x: Tensor) -> bool:
        # After a search torch plans every changed convolution again on a GPU, in evaluation too.
        here = layer.training or (x.device.type == 'cuda' and not is_compiling()
                                  and not torch.jit.is_tracing())
        return here and x.device.type in self.devices and kernel in self.kernels


def _weights(convs: Sequence[nn.Conv2d]) -> list[Tensor]:
    return [conv.weight for conv in convs if conv.weight.shape[0]]


def _are_plain(convs: Sequence[nn.Conv2d]) -> bool:
    return all(is_unmodified(conv, nn.Conv2d) and conv.bias is None for conv in convs)
