"""Separates hidden channels that no input reaches: they are constant but near the border.

The depthwise convolution pads with zeros, so a channel that is constant after its expansion sums
fewer of its taps there. The sum of all these channels in a block's outputs depends on the size of
the image only, and only on the distance to the border: a few rows and columns tell all of it.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from .fold import FoldedMixConv


def split_constant(folded: FoldedMixConv) -> tuple[FoldedMixConv, FoldedMixConv]:
    """Return channels that an input reaches, and those that are constant; dead ones are in neither.
    """
    used = (folded.project != 0).any(0)
    reached = (folded.expand != 0).any(1) & (folded.taps != 0).flatten(1).any(1)
    return folded.select(used & reached), folded.select(used & ~reached)


def rim_of(folded: FoldedMixConv) -> int:
    """Return the output rows (columns) from the border on within which taps fall outside the image.
    """
    return folded.taps.shape[-1] // 2


def constant_share(constant: FoldedMixConv, height: int, width: int) -> Tensor:
    """Return the constant channels' sum with the bias, (out_channels, rows, columns).

    Rows and columns are those of :func:`place_in_proxy`, not the image's.
    """
    size = [_proxy(length, constant) for length in (height, width)]
    steps = constant.taps.shape[-1] // 2
    hidden = constant.expand_bias.clamp(min=0)
    if len(hidden):
        x = F.conv2d(hidden[None, :, None, None].expand(1, -1, *size), constant.taps[:, None],
                     constant.depthwise_bias, constant.stride, steps, groups=len(hidden))
        share = torch.einsum('oh,hyx->oyx', constant.project, x[0].clamp(min=0))
    else:
        share = torch.zeros(1, 1, 1, dtype=torch.float64, device='cpu')
    out = [-(-length // constant.stride) for length in size]
    return (share + constant.bias[:, None, None]).expand(-1, *out)


def place_in_proxy(length: int, folded: FoldedMixConv) -> Tensor:
    """Return, for each of ``length`` output rows, its row in ``constant_share``."""
    rim, stride = rim_of(folded), folded.stride
    whole, known = -(-length // stride), -(-_proxy(length, folded) // stride)
    rows = torch.arange(whole, device='cpu')
    inside = torch.where(rows >= whole - rim, rows - (whole - known), min(rim, known - 1))
    return torch.where(rows < rim, rows.clamp(max=known - 1), inside) if whole > known else rows


def _proxy(length: int, folded: FoldedMixConv) -> int:
    """Return the fewest rows that show every kind of row, the last one's phase under a stride too.
    """
    rim, stride = rim_of(folded), folded.stride
    enough = stride * (2 * rim + 1)
    return min(length, enough + (length - enough) % stride)
