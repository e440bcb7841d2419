"""A block has hidden channels that can be searched; a backbone is made of it."""

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmst.registry import MODELS
from mmst.search.incoming import check_shapes, incoming_length
from mmst.search.surgery import Cut, resize, resize_norm
from mmst.search.units import UnitGroup


class Bottleneck(nn.Module):
    """Computes x + 3x3 conv, BN, ReLU, 1x1 conv; each hidden channel is a search unit.

    Args:
        channels (int): Channels of input and output.
        hidden (int): Channels in between, before any search.
    """

    def __init__(self, channels: int, hidden: int):
        super().__init__()
        self.full = hidden
        self.widen = nn.Conv2d(channels, hidden, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(hidden)
        self.narrow = nn.Conv2d(hidden, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.narrow(self.bn(self.widen(x)).relu())

    def search_units(self) -> dict[str, UnitGroup]:
        """Return the units for the search, their importance (the BN's scales), costs, removal."""
        kernel_sizes = [3] * len(self.bn.weight)
        return dict(hidden=UnitGroup('channel', self.bn, kernel_sizes, self.keep, self.macs,
                                     minimum=1))

    def macs(self, in_hw: tuple[int, int], out_hw: tuple[int, int]) -> Tensor:
        """Return the multiply-adds of each hidden channel."""
        channels = self.narrow.out_channels
        one = (9 * channels + channels) * out_hw[0] * out_hw[1]
        return torch.full((len(self.bn.weight), ), float(one))

    def keep(self, index: Tensor, cut: Cut) -> None:
        """Keep the hidden channels of ``index``: every tensor that they occupy."""
        cut(self.widen, 'weight', 0, index)
        cut.norm(self.bn, index)
        cut(self.narrow, 'weight', 1, index)
        self._sync()

    def _load_from_state_dict(self, state_dict, prefix, *args):
        """Take the width from the file: checkpoints and tickets hold searched networks."""
        channels = self.narrow.out_channels
        width = incoming_length(state_dict, f'{prefix}bn.weight', len(self.bn.weight))
        width = min(max(width, 1), self.full)
        check_shapes(state_dict, prefix, {
            'widen.weight': (width, channels, 3, 3), 'bn.weight': (width, ),
            'narrow.weight': (channels, width, 1, 1)})
        resize(self.widen, 'weight', (width, channels, 3, 3))
        resize_norm(self.bn, width)
        resize(self.narrow, 'weight', (channels, width, 1, 1))
        self._sync()
        super()._load_from_state_dict(state_dict, prefix, *args)

    def _sync(self) -> None:
        self.widen.out_channels = self.narrow.in_channels = len(self.bn.weight)


@MODELS.register_module()
class BottleneckNet(BaseModule):
    """Has a stem of stride 4 and ``depth`` blocks.

    Args:
        channels (int): Channels outside the blocks.
        hidden (int): Hidden channels of each block.
        depth (int): Number of blocks.
    """

    def __init__(self, channels: int = 16, hidden: int = 32, depth: int = 3, init_cfg=None):
        super().__init__(init_cfg)
        self.stem = nn.Conv2d(3, channels, 4, stride=4)
        self.blocks = nn.Sequential(*(Bottleneck(channels, hidden) for _ in range(depth)))

    def forward(self, x: Tensor) -> tuple[Tensor]:
        return (self.blocks(self.stem(x)), )
