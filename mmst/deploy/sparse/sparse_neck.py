"""Runs the neck for dense prediction, and enlarges its coarser inputs as late as possible."""
from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from ...models.hrnas.coordinate_map import GRID
from .engine_settings import EngineSettings
from .library import Coarse, functions
from .planes import Layout, as_map, check_channels, in_planes, new_map
from .sparse_block import SparseSearchBlock
from .sparse_conv import SparseConv


class SparseDenseNeck(nn.Module):
    """Enlarges coarser inputs after its 1x1 layers, for dense prediction.

    Enlarging is linear and the same for all channels, so that it may follow expansion and residual
    instead of preceding them: these then run at the inputs' own resolutions, and the enlarged map
    of all channels is never there. A Transformer's samples of it come from few
    pixels of the inputs.

    Args:
        block (SparseSearchBlock): Of stride 1, which reads all inputs.
        counts (Sequence[int]): Channels of each input, the finest first.
        settings (EngineSettings): Shared by the modules of a network.
    """

    coarser: Sequence['CoarseInput']

    def __init__(self, block: SparseSearchBlock, counts: Sequence[int], settings: EngineSettings):
        super().__init__()
        self.block, self.settings, self.counts = block, settings, counts
        expand, residual = self.block.split_off(self.counts[0])
        coarser, start = nn.ModuleList(), 0
        for count in self.counts[1:]:
            part = slice(start, start + count)
            coarser.append(CoarseInput(expand[:, part], residual[:, part], settings))
            start += count
        self.coarser = cast(Sequence[CoarseInput], coarser)
        self.sampled = np.array(self.block.sampled, np.int32)

    def forward(self, inputs: Sequence[Tensor], out: Tensor | None = None) -> tuple[Tensor]:
        """Return the output; with ``out``, a map in planes, it is added to that."""
        size = inputs[0].shape[-2:]
        for x, count in zip(inputs, self.counts, strict=True):
            check_channels(x, count)
        inputs = [in_planes(x, self.settings.gap) for x in inputs]
        coarser = [c(x, size[1]) for c, x in zip(self.coarser, inputs[1:], strict=True)]
        structures = [
            c.structure(y) for c, y in zip(self.coarser, coarser, strict=True) if y is not None
        ]
        sampled = self._sample(inputs) if len(self.sampled) else None
        return (self.block(inputs[0], out, coarser=structures, sampled=sampled), )

    def _sample(self, inputs: Sequence[Tensor]) -> Tensor:
        """Return the Transformer's view of all inputs: enlarged, then on its grid."""
        (height, width), start, done = inputs[0].shape[-2:], 0, 0
        count = len(self.sampled)
        out = torch.empty(len(inputs[0]), count, GRID, GRID, dtype=torch.float32, device='cpu')
        for x in inputs:
            end = start + x.shape[1]
            own = self.sampled[(self.sampled >= start) & (self.sampled < end)] - start
            functions().sample_enlarged(as_map(x), own.ctypes.data, len(own), height, width,
                                        out[:, done:].data_ptr(), out.stride(0))
            start, done = end, done + len(own)
        return out


class CoarseInput(nn.Module):
    """Computes one coarser input's share in the hidden channels and outputs of a block.

    Args:
        expand (Tensor): (hidden, channels).
        residual (ndarray): (out_channels, channels).
        settings (EngineSettings): Shared by the modules of a network.
    """

    def __init__(self, expand: Tensor, residual: np.ndarray, settings: EngineSettings):
        super().__init__()
        weight = torch.cat([expand, torch.from_numpy(residual)])
        used = (weight != 0).any(1)
        place = torch.where(used, used.cumsum(0) - 1, -1).to(torch.int32).numpy()
        self.settings, self.count = settings, int(used.sum())
        self.hidden, self.outputs = np.split(place, [len(expand)])
        conv = nn.Conv2d(weight.shape[1], self.count, 1, bias=False, dtype=torch.float64,
                         device='cpu')
        conv.weight.data = weight[used][..., None, None]
        self.conv = SparseConv(conv, None, False, settings)

    def forward(self, x: Tensor, width: int):
        """Return a map of ``width`` columns, a channel for each sum that it adds to; None: to none.
        """
        if not self.count:
            return None
        narrow = self.conv(x)
        wide = new_map(x.shape[0], self.count, Layout(x.shape[2], width, self.settings.gap))
        functions().widen(as_map(narrow), as_map(wide), self.settings.threads)
        return wide

    def structure(self, wide: Tensor) -> Coarse:
        """Return the structure for the kernel; the map must outlive it."""
        return Coarse(wide.data_ptr(), wide.stride(0), wide.stride(1), wide.shape[2],
                      wide.stride(2), self.hidden.ctypes.data, self.outputs.ctypes.data)
