"""The neck for dense prediction, its coarser inputs enlarged as late as possible."""
from typing import Sequence, Tuple

import numpy as np
import torch
from torch import Tensor, nn

from ...models.dense_neck import DensePredictionNeck
from .library import Coarse, kernel
from .options import Options
from .planes import Layout, as_map, in_planes, new_map
from .sparse_conv import SparseConv


class SparseDenseNeck(nn.Module):
    """Neck for dense prediction that enlarges what its 1x1 layers make of coarser inputs.

    Enlarging is linear and the same for all channels, so that it may follow expansion and residual
    instead of preceding them: these then run at the inputs' own resolutions, and the enlarged map of
    all channels is never there. Only channels that a Transformer samples are enlarged first.

    Args:
        module (DensePredictionNeck): Its block is sparse already.
        options (Options): Shared by the modules of a network.
    """

    def __init__(self, module: DensePredictionNeck, options: Options):
        super().__init__()
        self.block, self.options, self.counts = module.block, options, module.in_channels
        own = self.counts[0]
        expand, residual = self.block.split_off(own)
        self.coarser, self.sampled, start = nn.ModuleList(), [], 0
        sampled = np.asarray(self.block.sampled, np.int32)
        for count in self.counts[1:]:
            part = slice(start, start + count)
            self.coarser.append(CoarseInput(expand[:, part], residual[:, part], options))
            inside = (sampled >= own + start) & (sampled < own + start + count)
            self.sampled.append(np.ascontiguousarray(sampled[inside] - own - start))
            start += count
        if (sampled >= own).any():
            # They follow the block's own channels, in the same order.
            self.block.sample(np.where(sampled < own, sampled, own + np.cumsum(sampled >= own) - 1))

    def forward(self, inputs: Sequence[Tensor]) -> Tuple[Tensor]:
        width = inputs[0].shape[-1]
        inputs = [in_planes(x, self.options.gap) for x in inputs]
        coarser = [c(x, width) for c, x in zip(self.coarser, inputs[1:])]
        structures = [c.structure(wide) for c, wide in zip(self.coarser, coarser) if wide is not None]
        return (self.block(self._joint(inputs), coarser=structures), )

    def _joint(self, inputs: Sequence[Tensor]) -> Tensor:
        """The finest input, followed by what a Transformer samples of the others."""
        more = sum(map(len, self.sampled))
        if not more:
            return inputs[0]
        images, first, *size = inputs[0].shape
        joint = new_map(images, first + more, Layout(*size, self.options.gap))
        joint[:, :first] = inputs[0]
        for x, channels in zip(inputs[1:], self.sampled):
            if len(channels):
                kernel().resize(as_map(x), as_map(joint), first, channels.ctypes.data,
                                len(channels), self.options.threads)
                first += len(channels)
        return joint


class CoarseInput(nn.Module):
    """What one coarser input adds to the hidden channels and outputs of a block.

    Args:
        expand (Tensor): (hidden, channels).
        residual (ndarray): (out_channels, channels).
        options (Options): Shared by the modules of a network.
    """

    def __init__(self, expand: Tensor, residual: np.ndarray, options: Options):
        super().__init__()
        weight = torch.cat([expand, torch.from_numpy(residual)])
        used = (weight != 0).any(1)
        place = torch.where(used, used.cumsum(0) - 1, -1).to(torch.int32).numpy()
        self.options, self.count = options, int(used.sum())
        self.hidden, self.outputs = np.split(place, [len(expand)])
        conv = nn.Conv2d(weight.shape[1], self.count, 1, bias=False, dtype=torch.float64)
        conv.weight.data = weight[used][..., None, None]
        self.conv = SparseConv(conv, None, False, options)

    def forward(self, x: Tensor, width: int):
        """A map of ``width`` columns, a channel for each sum that it adds to; None: to none."""
        if not self.count:
            return None
        narrow = self.conv(x)
        wide = new_map(x.shape[0], self.count, Layout(x.shape[2], width, self.options.gap))
        kernel().widen(as_map(narrow), as_map(wide), self.options.threads)
        return wide

    def structure(self, wide: Tensor) -> Coarse:
        """For the kernel; the map has to live on meanwhile."""
        return Coarse(wide.data_ptr(), wide.stride(0), wide.stride(1), wide.shape[2],
                      wide.stride(2), self.hidden.ctypes.data, self.outputs.ctypes.data)
