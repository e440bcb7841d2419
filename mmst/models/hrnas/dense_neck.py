"""Builds the neck for dense prediction."""
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ...registry import MODELS
from ...settings.checks import check_number
from .search_block import SearchBlock
from .search_space import check_search_space
from .searched_part import SearchedPart


@MODELS.register_module()
class DensePredictionNeck(SearchedPart):
    """Resizes all branches to the highest resolution, concatenates them, one search block.

    Args:
        in_channels (Sequence[int]): Channels of the branches. Defaults to (18, 36, 72, 144).
        out_channels (int): Defaults to 90 (Cityscapes and COCO; 180 for ADE20K).
        kernel_sizes, expand_ratio, transformer, tokens, momentum, eps, widths, init_cfg: As in
            :class:`~mmst.models.hrnas.hrnas_supernet.HRNASSupernet`.

    Shape:
        Maps of strides 4, 8, 16, 32 to a tuple of one (N, out_channels, H / 4, W / 4).
    """

    def __init__(self,
                 in_channels: Sequence[int] = (18, 36, 72, 144),
                 out_channels: int = 90,
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
                     remedy='use the paper\'s 90')
        self.in_channels = tuple(in_channels)
        self.block = SearchBlock(
            sum(in_channels), out_channels, 1, kernel_sizes, expand_ratio, transformer, tokens,
            momentum, eps)
        self.take_widths('neck.widths', widths)

    def forward(self, inputs: Sequence[Tensor]) -> tuple[Tensor]:
        size = inputs[0].shape[-2:]
        resized = [inputs[0]] + [
            F.interpolate(x, size, mode='bilinear', align_corners=False) for x in inputs[1:]]
        return (self.block(torch.cat(resized, dim=1)), )
