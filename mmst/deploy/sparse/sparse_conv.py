"""Runs convolutions by the kernel: the stem, 1x1 layers."""
from typing import TypeGuard

import numpy as np
from torch import Tensor, nn

from ..as_written import is_as_written
from .engine_settings import EngineSettings
from .fold import fold_conv
from .kernel_module import LayerModule
from .library import Conv, functions, make_structure
from .planes import (
    ALIGNMENT,
    Layout,
    as_map,
    check_channels,
    in_planes,
    new_map,
    size_after,
    with_rows,
)
from .rows import SparseRows


class SparseConv(LayerModule[Conv]):
    """Computes convolution, folded BN and ReLU; inference only.

    Args:
        conv (nn.Conv2d): Odd square kernel, padding kernel // 2, stride 1 or 2.
        bn (nn.Module, optional): BN after it.
        relu (bool): Whether a ReLU ends it.
        settings (EngineSettings): Shared by the modules of a network.
        contiguous (bool): Whether other layers follow, which may want contiguous maps.
    """

    def __init__(self, conv: nn.Conv2d, bn: nn.Module | None, relu: bool, settings: EngineSettings,
                 contiguous: bool = False):
        super().__init__(settings)
        weight, bias = fold_conv(conv, bn)
        self.relu, self.contiguous = relu, contiguous
        self.weight, self.bias = weight.numpy(), bias.numpy()
        self.kernel_size, self.stride = conv.kernel_size[0], conv.stride[0]

    @staticmethod
    def takes(conv: nn.Module) -> TypeGuard[nn.Conv2d]:
        """Return whether a module is a convolution of the forms above."""
        if type(conv) is not nn.Conv2d or not is_as_written(conv, nn.Conv2d):
            return False
        size = conv.kernel_size[0]
        return (conv.kernel_size == (size, size) and size % 2 == 1
                and conv.stride in ((1, 1), (2, 2)) and conv.padding == (size // 2, ) * 2
                and conv.dilation == (1, 1) and conv.padding_mode == 'zeros')

    def forward(self, x: Tensor) -> Tensor:
        gap = self.settings.gap
        check_channels(x, self.weight.shape[1])
        conv, layout = self.plan((x.shape[-2], x.shape[-1]))
        plain = self.kernel_size == 1 and self.stride == 1
        # The kernel copies inputs that it pads, from any contiguous rows.
        x = in_planes(x, gap) if plain else with_rows(x)
        out = new_map(x.shape[0], len(self.weight), layout)
        functions().convolve(conv, as_map(x), as_map(out), self.settings.threads)
        if not self.contiguous:
            return out
        with self.settings.torch_aside():
            return out.contiguous()

    def lay_out(self, size: tuple[int, int]) -> tuple[Conv, Layout]:
        layout = Layout(*size_after(size, self.stride), self.settings.gap)
        outputs, inputs = self.weight.shape[:2]
        phases = self.stride**2
        used = np.flatnonzero((self.weight != 0).any((0, 2, 3))).astype(np.int32)
        if self.kernel_size == 1 and self.stride == 1:
            margin, channels, place = 0, used, np.arange(inputs) * layout.plane
            offset = place[:, None]
        else:
            step = np.arange(self.kernel_size) - self.kernel_size // 2
            phase = step % self.stride
            move = (step - phase) // self.stride
            shift = (move[:, None] * layout.stride + move[None]).ravel()
            margin = max(1, -(-int(np.abs(shift).max()) // ALIGNMENT)) * ALIGNMENT
            channels, place = used, np.zeros(inputs, np.int64)
            plane = layout.plane + 2 * margin
            place[used] = np.arange(len(used)) * phases * plane
            of_phase = (phase[:, None] * self.stride + phase[None]).ravel()
            offset = place[:, None] + (of_phase * plane + shift)[None]
        rows = SparseRows.of(self.weight.reshape(outputs, -1))
        conv = make_structure(
            Conv, outputs=outputs, phases=phases, positive=self.relu, live=len(channels),
            length=layout.plane, margin=margin, weights=rows.with_offsets(offset.ravel()),
            bias=self.bias, channels=channels)
        return conv, layout
