"""Computes the layers of a search block."""
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeGuard

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..unmodified import is_unmodified


class Ops:
    """Computes the steps of a search block by calling its layers.

    This is the reference. ``mmst.kernels`` offers a set of faster functions that agree with it up
    to rounding; ``FastTrainingHook`` gives it to the blocks. Modules that compute by a set have it
    as their attribute ``ops``.
    """

    # ---------------------------------------------------------------------------- supernet

    def side_by_side(self, paths: Sequence[tuple[Callable[[Tensor], Tensor], Tensor]]
                     ) -> list[Tensor]:
        """Return each function's value of its tensor; none reads the result of another one."""
        return [run(x) for run, x in paths]

    # ----------------------------------------------------------------------- search block

    def add_paths(self, total: Tensor, first: Callable[[Tensor], Tensor], second: nn.Module,
                  x: Tensor) -> Tensor:
        """Add the outputs of two paths for ``x`` (N, in, H, W) to ``total`` (N, out, H', W')."""
        return self.add_path(total + first(x), second, x)

    def add_path(self, total: Tensor, path: nn.Module, x: Tensor) -> Tensor:
        """Add a path's output for ``x`` (N, in, H, W) to ``total`` (N, out, H', W')."""
        return total + path(x)

    def residual(self, residual: nn.Module, x: Tensor) -> Tensor:
        """Convolve 1x1 by groups, or pass on: (N, in, H, W) to (N, out, H', W')."""
        if _is_unsafe(residual, x):
            rows, columns = residual.stride
            return F.conv2d(x[:, :, ::rows, ::columns], residual.weight, residual.bias)
        return residual(x)

    # ------------------------------------------------------------------------ both paths

    def norm(self, norm: nn.Module, x: Tensor) -> Tensor:
        """Normalise, without an activation: any shape to the same."""
        return norm(x)

    # ---------------------------------------------------------------------- MixConv path

    def pointwise(self, conv: nn.Conv2d, x: Tensor) -> Tensor:
        """Convolve 1x1: (N, in, H, W) to (N, out, H, W)."""
        return conv(x)

    def norm_relu(self, bn: nn.Module, x: Tensor) -> Tensor:
        """Normalise and rectify (N, C, H, W)."""
        # In place: torch's own BNs need their input in the backward pass, not their output.
        own = is_unmodified(bn, nn.BatchNorm2d) or is_unmodified(bn, nn.SyncBatchNorm)
        return F.relu(bn(x), inplace=own)

    def depthwise(self, convs: Sequence[nn.Conv2d], x: Tensor) -> Tensor:
        """Convolve neighbouring slices of channels, each by its own depthwise convolution.

        Args:
            convs (Sequence[nn.Conv2d]): Depthwise convolutions; their channels add up to C. Those
                that have lost all channels are passed over.
            x (Tensor): (N, C, H, W).

        Returns:
            Tensor: (N, C, ceil(H / stride), ceil(W / stride)).
        """
        parts = zip(convs, x.split([conv.weight.shape[0] for conv in convs], dim=1), strict=True)
        return torch.cat([conv(part) for conv, part in parts if part.shape[1]], dim=1)

    def norm_relu_depthwise(self, bn: nn.Module, convs: Sequence[nn.Conv2d], x: Tensor) -> Tensor:
        """Normalise, rectify and convolve by slices."""
        return self.depthwise(convs, self.norm_relu(bn, x))

    # ------------------------------------------------------------------ Transformer path

    def project(self, conv: nn.Conv2d, x: Tensor) -> Tensor:
        """Convolve a Transformer's small map 1x1: (N, in, 8, 8) to (N, out, 8, 8)."""
        return conv(x)

    def mix(self, encoder: nn.Module, decoder: nn.Module, queries: Tensor,
            tokens: Tensor) -> Tensor:
        """Let ``queries`` (tokens, dim) read the output of ``encoder`` for (N, tokens, dim)."""
        return decoder(queries, encoder(tokens))

    def keys_and_values(self, key: nn.Linear, value: nn.Linear,
                        memory: Tensor) -> tuple[Tensor, Tensor]:
        """Map ``memory`` (N, tokens, dim) by both layers of an attention."""
        return key(memory), value(memory)

    def attend(self, query: Tensor, key: Tensor, value: Tensor, dropout: float = 0.,
               scale: float | None = None, training: bool = False) -> Tensor:
        """Compute scaled dot-product attention.

        Args:
            query (Tensor): ((N,) queries, dim).
            key (Tensor): (N, tokens, dim).
            value (Tensor): (N, tokens, values).
            dropout (float): On the attention weights.
            scale (float, optional): Of the scores; 1 / sqrt(dim) by default.
            training (bool): Whether the layer is in training, where other sets may round otherwise.

        Returns:
            Tensor: (N, queries, values).
        """
        query = query.expand(key.shape[0], -1, -1)
        return F.scaled_dot_product_attention(query, key, value, dropout_p=dropout, scale=scale)


def _is_unsafe(conv: nn.Module, x: Tensor) -> TypeGuard[nn.Conv2d]:
    """Return whether a gradient of the weights is wanted, which might write beyond its memory.

    oneDNN's kernel for AVX2 does so in 1x1 convolutions of fewer than eight channels in
    channels_last that pass over places (torch 2.14). Of the places that they read alone, the
    convolution gives the same.
    """
    return (is_unmodified(conv, nn.Conv2d) and x.is_cpu
            and conv.kernel_size == (1, 1) != conv.stride and conv.groups == 1
            and conv.weight.shape[1] < 8 and conv.padding == (0, 0)
            and conv.weight.requires_grad and torch.is_grad_enabled())


def use_ops(model: nn.Module, ops: Ops) -> None:
    """Let all search blocks in ``model`` compute by ``ops``."""
    for module in model.modules():
        if isinstance(getattr(module, 'ops', None), Ops):
            module.ops = ops  # type: ignore[assignment]


@contextmanager
def reference_ops(model: nn.Module) -> Iterator[None]:
    """Let all search blocks in ``model`` call their layers, and give each its own set back."""
    before = [(module, module.ops) for module in model.modules()
              if isinstance(getattr(module, 'ops', None), Ops)]
    use_ops(model, Ops())
    try:
        yield
    finally:
        for module, ops in before:
            module.ops = ops
