"""Builds the neck for classification."""
import itertools
from collections.abc import Sequence
from typing import Any, cast

from torch import Tensor, nn

from ...errors import config_error
from ...registry import MODELS
from ...settings.checks import check_flag, check_number
from .hrnas_supernet import ConvBNReLU
from .search_block import SearchBlock
from .search_space import check_search_space
from .searched_part import SearchedPart


@MODELS.register_module()
class ClassificationNeck(SearchedPart):
    """Widens the branches and gathers them at the lowest resolution, as HRNet's head does.

    A search block widens each branch; from the highest resolution on, a stride-2 search block takes
    the sum so far to the next branch, to which it is added. A 1x1 conv-BN-ReLU follows, then global
    average pooling and dropout: OpenMMLab's linear heads have neither. Use it with
    ``LinearClsHead(in_channels=1600)`` and no other neck.

    Args:
        in_channels (Sequence[int]): Channels of the branches. Defaults to (18, 36, 72, 144).
        channels (Sequence[int]): Channels of the widened branches. Defaults to (36, 72, 144, 320).
        out_channels (int): Defaults to 1600.
        pool (bool): Whether to average over the positions. Defaults to True.
        dropout (float): On the output, in training. Defaults to 0.2.
        kernel_sizes, expand_ratio, transformer, tokens, momentum, eps, widths, init_cfg: As in
            :class:`~mmst.models.hrnas.hrnas_supernet.HRNASSupernet`.

    Shape:
        Maps of strides 4, 8, 16, 32 to a tuple of one (N, out_channels); without ``pool``
        (N, out_channels, H / 32, W / 32).
    """

    widen: Sequence[SearchBlock]
    downsample: Sequence[SearchBlock]

    def __init__(self,
                 in_channels: Sequence[int] = (18, 36, 72, 144),
                 channels: Sequence[int] = (36, 72, 144, 320),
                 out_channels: int = 1600,
                 pool: bool = True,
                 dropout: float = 0.2,
                 kernel_sizes: Sequence[int] = (3, 5, 7),
                 expand_ratio: int = 4,
                 transformer: str = 'all',
                 tokens: int = 64,
                 momentum: float = 0.01,
                 eps: float = 1e-3,
                 widths: dict[str, Any] | None = None,
                 init_cfg: dict | None = dict(type='mmst.SupernetInit')):  # noqa: B006
        super().__init__(init_cfg)
        check_search_space('neck', kernel_sizes, expand_ratio, transformer, tokens, momentum, eps)
        check_number('neck.out_channels', out_channels, low=1, whole=True,
                     remedy='use the paper\'s 1600')
        _check_head(in_channels, channels, dropout)
        space = (kernel_sizes, expand_ratio, transformer, tokens, momentum, eps)
        self.widen = cast(Sequence[SearchBlock], nn.ModuleList(
            SearchBlock(narrow, wide, 1, *space)
            for narrow, wide in zip(in_channels, channels, strict=True)))
        self.downsample = cast(Sequence[SearchBlock], nn.ModuleList(
            SearchBlock(high, low, 2, *space) for high, low in itertools.pairwise(channels)))
        self.final = ConvBNReLU(channels[-1], out_channels, momentum=momentum, eps=eps)
        self.pool = nn.AdaptiveAvgPool2d(1) if check_flag('neck.pool', pool) else None
        self.dropout = nn.Dropout(dropout)
        self.take_widths('neck.widths', widths)

    def forward(self, inputs: Sequence[Tensor]) -> tuple[Tensor]:
        total = self.widen[0](inputs[0])
        for downsample, widen, x in zip(self.downsample, self.widen[1:], inputs[1:], strict=True):
            total = downsample(total) + widen(x)
        out = self.final(total)
        if self.pool is not None:
            out = self.pool(out).flatten(1)
        return (self.dropout(out), )


def _check_head(in_channels: Sequence[int], channels: Sequence[int], dropout: float) -> None:
    if not in_channels or len(in_channels) != len(channels):
        raise config_error('neck.channels', channels, 'there must be one entry a branch of '
                           f'in_channels = {in_channels!r}', 'give as many entries as branches')
    check_number('neck.dropout', dropout, low=0, below=1, remedy='use the paper\'s 0.2')
