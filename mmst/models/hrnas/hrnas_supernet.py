"""Builds the HR-NAS supernet as a backbone."""
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...registry import MODELS
from ...search.incoming import check_shapes
from ...settings.checks import check_flag, check_number
from .fusion_module import FusionModule, ParallelModule
from .search_block import SearchBlock
from .search_space import check_search_space, check_stages
from .searched_part import SearchedPart


@MODELS.register_module()
class HRNASSupernet(SearchedPart):
    """Spans the HR-NAS search space: MixConv and lightweight Transformers on four resolutions.

    Two stride-2 convolutions, then five times a fusion and a parallel module; branch i runs at
    stride 4 * 2^i (supplement, Fig. 1). The defaults are the paper's full-width supernet.

    Args:
        in_channels (int): Channels of the image. Defaults to 3.
        stem_channels (Sequence[int]): Of the two stem convolutions. Defaults to (24, 24).
        channels (Sequence[Sequence[int]]): Channels per stage and branch.
        depths (Sequence[Sequence[int]]): Search blocks per stage and branch.
        kernel_sizes (Sequence[int]): Of MixConv. Defaults to (3, 5, 7).
        expand_ratio (int): Of MixConv. Defaults to 4.
        transformer (str): ``'all'``, ``'shape_preserving'`` or ``'none'``. Defaults to ``'all'``.
        tokens (int): Of each Transformer. Defaults to 64.
        momentum (float): Of the BNs. Defaults to 0.01 (0.1 for pose).
        eps (float): Of the BNs. Defaults to 1e-3 (1e-5 for pose).
        channels_last (bool): Memory format of the feature maps; the necks keep to it. Training is
            faster with it, results differ by rounding only. Defaults to True.
        widths (dict, optional): A searched architecture, as ``get_widths`` gives it: path of a
            search block to its channels per kernel size and tokens. Defaults to None (supernet).
        init_cfg (dict): Defaults to ``dict(type='mmst.SupernetInit')``.

    Shape:
        (N, in_channels, H, W) to four maps, strides 4, 8, 16 and 32 (sizes round up).
    """

    def __init__(self,
                 in_channels: int = 3,
                 stem_channels: Sequence[int] = (24, 24),
                 channels: Sequence[Sequence[int]] = ((24, ), (18, 36), (18, 36, 72),
                                                      (18, 36, 72, 144), (18, 36, 72, 144)),
                 depths: Sequence[Sequence[int]] = ((1, ), (2, 2), (2, 2, 3), (2, 2, 3, 4),
                                                    (2, 2, 3, 4)),
                 kernel_sizes: Sequence[int] = (3, 5, 7),
                 expand_ratio: int = 4,
                 transformer: str = 'all',
                 tokens: int = 64,
                 momentum: float = 0.01,
                 eps: float = 1e-3,
                 channels_last: bool = True,
                 widths: dict[str, Any] | None = None,
                 init_cfg: dict | None = dict(type='mmst.SupernetInit')):  # noqa: B006
        super().__init__(init_cfg)
        check_search_space('backbone', kernel_sizes, expand_ratio, transformer, tokens, momentum,
                           eps)
        check_number('backbone.in_channels', in_channels, low=1, whole=True, remedy='use 3')
        check_stages(stem_channels, channels, depths)
        norm: dict[str, Any] = dict(momentum=momentum, eps=eps)
        make_block = partial(
            SearchBlock, kernel_sizes=kernel_sizes, expand_ratio=expand_ratio,
            transformer=transformer, tokens=tokens, **norm)
        first, second = stem_channels
        self.stem = nn.Sequential(ConvBNReLU(in_channels, first, 3, 2, **norm),
                                  ConvBNReLU(first, second, 3, 2, **norm))
        self.fusions, self.parallels = nn.ModuleList(), nn.ModuleList()
        previous: Sequence[int] = (second, )
        for stage_channels, stage_depths in zip(channels, depths, strict=True):
            self.fusions.append(FusionModule(previous, stage_channels, make_block))
            self.parallels.append(ParallelModule(stage_channels, stage_depths, make_block))
            previous = stage_channels
        self.out_channels = tuple(previous)
        self.channels_last = check_flag('backbone.channels_last', channels_last)
        self.take_widths('backbone.widths', widths)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        if self.channels_last:
            x = x.contiguous(memory_format=torch.channels_last)
        branches = [self.stem(x)]
        for fusion, parallel in zip(self.fusions, self.parallels, strict=True):
            branches = parallel(fusion(branches))
        return tuple(branches)


class ConvBNReLU(nn.Module):
    """Computes a convolution without bias, BN, ReLU."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int = 1, stride: int = 1,
                 momentum: float = 0.01, eps: float = 1e-3):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride, kernel_size // 2,
                              bias=False)
        self.bn = nn.BatchNorm2d(out_channels, eps, momentum)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))

    def _load_from_state_dict(self, state_dict, prefix, *args):
        """Refuse other shapes: they are those of another network."""
        own = self.state_dict().items()
        check_shapes(state_dict, prefix, {name: t.shape for name, t in own if t.dim()})
        super()._load_from_state_dict(state_dict, prefix, *args)
