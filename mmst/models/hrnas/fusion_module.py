"""Builds fusion and parallel modules of the multi-resolution supernet."""
from collections.abc import Callable, Mapping, Sequence
from typing import cast

import torch.nn.functional as F
from torch import Tensor, nn

from .ops import Ops
from .search_block import SearchBlock

#: ``make_block(in_channels, out_channels, stride)`` gives a search block.
MakeBlock = Callable[[int, int, int], SearchBlock]


class FusionModule(nn.Module):
    """Exchanges features between neighbouring branches; may open a new lowest resolution.

    Output branch i sums a stride-2 block from branch i - 1, a stride-1 block from its own and a
    stride-1 block with x2 nearest upsampling from branch i + 1, then ReLU. A new branch is a
    stride-2 block, without ReLU, on the last fused branch (supplement, Fig. 1).

    Args:
        in_channels (Sequence[int]): Channels of the input branches, highest resolution first.
        out_channels (Sequence[int]): Channels of the output branches; as many, or one more.
        make_block (MakeBlock): Maker of search blocks.

    Attributes:
        ops (Ops): Runs the blocks, which do not depend on each other.
    """

    ops = Ops()
    blocks: Sequence[Mapping[str, SearchBlock]]  # by output branch, then by input branch

    def __init__(self, in_channels: Sequence[int], out_channels: Sequence[int],
                 make_block: MakeBlock):
        super().__init__()
        count = len(in_channels)
        blocks = nn.ModuleList()
        for i, channels in enumerate(out_channels[:count]):
            sources = range(max(i - 1, 0), min(i + 2, count))
            blocks.append(nn.ModuleDict({
                str(j): make_block(in_channels[j], channels, 2 if j < i else 1) for j in sources}))
        self.blocks = cast(Sequence[Mapping[str, SearchBlock]], blocks)
        self.new_branch = (
            make_block(out_channels[count - 1], out_channels[count], 2)
            if len(out_channels) > count else None)

    def forward(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        places = [(i, int(key)) for i, blocks in enumerate(self.blocks) for key in blocks]
        found = dict(zip(places, self.ops.side_by_side(
            [(self.blocks[i][str(j)], inputs[j]) for i, j in places]), strict=True))
        outputs = [F.relu(self._fuse(i, found)) for i in range(len(self.blocks))]
        if self.new_branch is not None:
            outputs.append(self.new_branch(outputs[-1]))
        return outputs

    def _fuse(self, i: int, found: Mapping[tuple[int, int], Tensor]) -> Tensor:
        total = found[i, i]
        for j in map(int, self.blocks[i]):
            if j < i:
                total = total + found[i, j]
            elif j > i:
                total = total + upsample_to(found[i, j], total.shape[-2:])
        return total


class ParallelModule(nn.ModuleList):
    """Runs search blocks in a row on each branch.

    Args:
        channels (Sequence[int]): Channels of the branches.
        depths (Sequence[int]): Search blocks per branch.
        make_block (MakeBlock): Maker of search blocks.

    Attributes:
        ops (Ops): Runs the branches, which do not depend on each other.
    """

    ops = Ops()

    def __init__(self, channels: Sequence[int], depths: Sequence[int], make_block: MakeBlock):
        super().__init__(
            nn.Sequential(*(make_block(width, width, 1) for _ in range(depth)))
            for width, depth in zip(channels, depths, strict=True))

    def forward(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        return self.ops.side_by_side(list(zip(self, inputs, strict=True)))


def upsample_to(x: Tensor, size: Sequence[int]) -> Tensor:
    """Enlarge x2 (nearest), then, where odd sizes do not meet, to ``size`` (bilinear)."""
    x = F.interpolate(x, scale_factor=2, mode='nearest')
    if x.shape[-2:] == size:
        return x
    return F.interpolate(x, size, mode='bilinear', align_corners=False)
