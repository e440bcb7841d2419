"""The HR-NAS supernet as a backbone."""
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from ...errors import config_error
from ...registry import MODELS
from .fusion_module import FusionModule, ParallelModule
from .loading import check_blocks, check_shapes
from .search_block import TRANSFORMERS, SearchBlock
from .widths import check_widths, get_widths, search_blocks, set_widths


@MODELS.register_module()
class HRNASSupernet(BaseModule):
    """HR-NAS search space: MixConv and lightweight Transformers on four resolutions.

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
        check_search_space('backbone', kernel_sizes, expand_ratio, transformer, tokens)
        _check_stages(stem_channels, channels, depths)
        norm = dict(momentum=momentum, eps=eps)
        make_block = partial(
            SearchBlock, kernel_sizes=kernel_sizes, expand_ratio=expand_ratio,
            transformer=transformer, tokens=tokens, **norm)
        first, second = stem_channels
        self.stem = nn.Sequential(ConvBNReLU(in_channels, first, 3, 2, **norm),
                                  ConvBNReLU(first, second, 3, 2, **norm))
        self.fusions, self.parallels = nn.ModuleList(), nn.ModuleList()
        previous = (second, )
        for stage_channels, stage_depths in zip(channels, depths, strict=True):
            self.fusions.append(FusionModule(previous, stage_channels, make_block))
            self.parallels.append(ParallelModule(stage_channels, stage_depths, make_block))
            previous = stage_channels
        self.out_channels = tuple(previous)
        self.channels_last = channels_last
        if widths is not None:
            check_widths(self, widths, 'backbone.widths')
            set_widths(self, widths)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        if self.channels_last:
            x = x.contiguous(memory_format=torch.channels_last)
        branches = [self.stem(x)]
        for fusion, parallel in zip(self.fusions, self.parallels, strict=True):
            branches = parallel(fusion(branches))
        return tuple(branches)

    def get_widths(self) -> dict[str, Any]:
        """The architecture as plain data, to be given back as ``widths``."""
        return get_widths(self)

    def _load_from_state_dict(self, state_dict, prefix, *args):
        """Refuse other blocks: mmengine would only log them."""
        check_blocks(state_dict, prefix, search_blocks(self))
        super()._load_from_state_dict(state_dict, prefix, *args)


class ConvBNReLU(nn.Module):
    """Convolution without bias, BN, ReLU."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int = 1, stride: int = 1,
                 momentum: float = 0.01, eps: float = 1e-3):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride, kernel_size // 2,
                              bias=False)
        self.bn = nn.BatchNorm2d(out_channels, eps, momentum)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))

    def _load_from_state_dict(self, state_dict, prefix, *args):
        """Its shapes are fixed: others are those of another network."""
        own = self.state_dict().items()
        check_shapes(state_dict, prefix, {name: t.shape for name, t in own if t.dim()})
        super()._load_from_state_dict(state_dict, prefix, *args)


def check_search_space(where: str, kernel_sizes: Sequence[int], expand_ratio: int,
                       transformer: str, tokens: int) -> None:
    """Refuse search-space settings that make no sense.

    Raises:
        ConfigError: Naming the key below ``where``, the value and the remedy.
    """
    if transformer not in TRANSFORMERS:
        raise config_error(f'{where}.transformer', transformer, 'unknown choice',
                           f'use one of {", ".join(map(repr, TRANSFORMERS))}')
    sizes = kernel_sizes if isinstance(kernel_sizes, (list, tuple)) else ()
    odd = all(isinstance(k, int) and k > 0 and k % 2 for k in sizes)
    if not sizes or not odd or len(set(sizes)) != len(sizes):
        raise config_error(f'{where}.kernel_sizes', kernel_sizes,
                           'must be different odd positive numbers', 'use the paper\'s (3, 5, 7)')
    for name, value, remedy in (('expand_ratio', expand_ratio, 'use the paper\'s 4'),
                                ('tokens', tokens, 'use 64, or transformer=\'none\'')):
        if not isinstance(value, int) or value < 1:
            raise config_error(f'{where}.{name}', value, 'must be a whole number above 0', remedy)


def _check_stages(stem_channels: Sequence[int], channels: Sequence[Sequence[int]],
                  depths: Sequence[Sequence[int]]) -> None:
    if len(stem_channels) != 2:
        raise config_error('backbone.stem_channels', stem_channels,
                           'the stem has two convolutions', 'use the paper\'s (24, 24)')
    branches = [len(stage) for stage in channels]
    if branches != [len(stage) for stage in depths]:
        raise config_error('backbone.depths', depths, 'stages and branches differ from channels',
                           'give one number of blocks per entry of channels')
    if any(b - a not in (0, 1) for a, b in zip([1, *branches], branches, strict=False)):
        raise config_error('backbone.channels', channels,
                           'a stage has as many branches as the one before, or one more',
                           'use the paper\'s 1, 2, 3, 4, 4 branches')
