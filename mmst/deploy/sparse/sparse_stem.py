"""Runs the stem by the kernel: two convolutions of stride 2 in one pass."""
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from torch import Tensor, nn

from ...models.hrnas.hrnas_supernet import ConvBNReLU
from .block_plan import phase_sizes
from .engine_settings import EngineSettings
from .fold import fold_conv
from .kernel_module import LayerModule
from .library import Stem, functions, make_structure
from .planes import ALIGNMENT, Layout, as_map, check_channels, new_map, size_after, with_rows
from .rows import SparseRows
from .sparse_conv import SparseConv

#: Floats of the output that are worked on at once: the map between stays in a cache.
TILE = 1024


class FoldedLayer(NamedTuple):
    """Stands for a ``ConvBNReLU`` whose BN is in the convolution already."""
    conv: nn.Conv2d
    bn: None = None


class SparseStem(LayerModule[Stem]):
    """Fuses two layers of convolution, BN and ReLU; inference only.

    Channels between the two that nothing reads, or that are 0 everywhere, are not computed; nor are
    rows and columns (even or odd) that no tap of the second reads.

    Args:
        stem (Iterable[ConvBNReLU | FoldedLayer]): Two layers of stride 2.
        settings (EngineSettings): Shared by the modules of a network.
    """

    def __init__(self, stem: Iterable[ConvBNReLU | FoldedLayer], settings: EngineSettings):
        super().__init__(settings)
        first, second = (fold_conv(layer.conv, layer.bn) for layer in stem)
        self.first, self.first_bias = (t.numpy() for t in first)
        self.second, self.bias = (t.numpy() for t in second)
        silent = ~(self.first != 0).any((1, 2, 3)) & (self.first_bias <= 0)
        self.second[:, silent] = 0

    @staticmethod
    def takes(stem: Sequence[ConvBNReLU]) -> bool:
        """Return whether a stem is two convolutions of stride 2 as above."""
        return len(stem) == 2 and all(
            SparseConv.takes(layer.conv) and layer.conv.stride == (2, 2) for layer in stem)

    def forward(self, x: Tensor) -> Tensor:
        check_channels(x, self.first.shape[1])
        plan, layout = self.plan((x.shape[-2], x.shape[-1]))
        x = with_rows(x)
        out = new_map(x.shape[0], len(self.second), layout)
        functions().stem(plan, as_map(x), as_map(out), self.settings.threads)
        return out

    def lay_out(self, size: tuple[int, int]) -> tuple[Stem, Layout]:
        between = size_after(size, 2)
        layout = Layout(*size_after(between, 2), self.settings.gap)
        # Inner channels: a channel between the two at even or odd rows and columns.
        phase, shift = _taps(self.second.shape[-1], 2, layout.stride)
        spread = np.zeros((len(self.second), self.second.shape[1], 4, len(phase)))
        spread[:, :, phase, np.arange(len(phase))] = self.second.reshape(*self.second.shape[:2], -1)
        channel, of_phase = np.nonzero((spread != 0).any((0, 3)))
        second = SparseRows.of(spread[:, channel, of_phase].reshape(
            len(spread), len(channel) * len(phase)))
        tap = second.column % len(phase)
        first, origin, low = self._first_rows(channel, of_phase, layout.stride)
        reach = max(int(np.abs(shift).max()), int(np.abs(low).max()))
        margin = -(-reach // ALIGNMENT) * ALIGNMENT
        plane = layout.plane + 2 * margin
        used = np.flatnonzero((self.first != 0).any((0, 2, 3))).astype(np.int32)
        place = np.zeros(self.first.shape[1], np.int64)
        place[used] = np.arange(len(used)) * 16 * plane
        tile = min(TILE, layout.plane)
        offset = (np.arange(len(channel))[:, None] * (tile + 2 * margin) + shift[None]).ravel()
        rows, columns = phase_sizes(between, 2)[:, of_phase]
        return make_structure(
            Stem, inner=len(channel), outputs=len(self.second), length=layout.plane, tile=tile,
            margin=margin, stride=layout.stride, live=len(used), low=int(shift[tap].min(initial=0)),
            high=int(shift[tap].max(initial=0)), second=second.with_offsets(offset),
            first=first.with_offsets((place[:, None] + (origin * plane + low)[None]).ravel()),
            first_bias=self.first_bias[channel], bias=self.bias, rows=rows,
            columns=columns, channels=used), layout

    def _first_rows(self, channel: np.ndarray, of_phase: np.ndarray,
                    stride: int) -> tuple[SparseRows, np.ndarray, np.ndarray]:
        """Return the first convolution's weights for each inner channel, over 16 phases of the
        image.

        Columns are input channels, each with all places (phase and shift) that a tap can read;
        returned with the phase and the shift of each place.
        """
        size = self.first.shape[-1]
        step = 2 * np.arange(2)[:, None] + np.arange(size) - size // 2  # (phase between, tap)
        row, column = np.divmod(of_phase, 2)
        places = np.unique(step)
        by_row = np.searchsorted(places, step[row])  # (inner, tap)
        by_column = np.searchsorted(places, step[column])
        spread = np.zeros((len(channel), self.first.shape[1], len(places), len(places)))
        inner = np.arange(len(channel))[:, None, None]
        spread[inner, :, by_row[:, :, None], by_column[:, None, :]] = (
            self.first[channel].transpose(0, 2, 3, 1))
        phase, move = places % 4, places // 4
        origin = (phase[:, None] * 4 + phase[None]).ravel()
        shift = (move[:, None] * stride + move[None]).ravel()
        rows = spread.reshape(len(channel), spread[0].size if len(channel) else 0)
        return SparseRows.of(rows), origin, shift


def _taps(size: int, stride: int, row: int) -> tuple[np.ndarray, np.ndarray]:
    """Return phase and offset of each tap of a (size, size) kernel."""
    step = np.arange(size) - size // 2
    phase = step % stride
    move = (step - phase) // stride
    return ((phase[:, None] * stride + phase[None]).ravel(),
            (move[:, None] * row + move[None]).ravel())
