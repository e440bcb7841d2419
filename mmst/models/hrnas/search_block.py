"""Builds the search block: MixConv path, lightweight Transformer path, residual."""
from collections.abc import Sequence
from functools import partial
from math import gcd
from typing import Any

from torch import Tensor, nn

from ...search.incoming import check_parts, check_shapes
from .lightweight_transformer import LightweightTransformer
from .mixconv import MixConv
from .ops import Ops

TRANSFORMERS = ('all', 'shape_preserving', 'none')


class SearchBlock(nn.Module):
    """Sums a MixConv path, a lightweight Transformer path and a residual (supplement, Fig. 1).

    The output is linear: no activation follows. A path whose units are all gone drops out of the
    sum; in the end its residual is left of the block.

    Args:
        in_channels (int): Channels of the input.
        out_channels (int): Channels of the output.
        stride (int): 1 or 2. Defaults to 1.
        kernel_sizes (Sequence[int]): Defaults to (3, 5, 7).
        expand_ratio (int): Defaults to 4.
        transformer (str): Which blocks have a Transformer path: ``'all'`` (the paper's search
            space), ``'shape_preserving'`` ones, ``'none'``. Defaults to ``'all'``.
        tokens (int): Tokens of the Transformer. Defaults to 64.
        momentum (float): Momentum of MixConv's BNs. Defaults to 0.01.
        eps (float): Epsilon of MixConv's BNs. Defaults to 1e-3.

    Attributes:
        ops (Ops): Computes the sums; ``FastTrainingHook`` gives a faster set.

    Shape:
        (N, in_channels, H, W) to (N, out_channels, ceil(H / stride), ceil(W / stride)).
    """

    ops = Ops()

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1,
                 kernel_sizes: Sequence[int] = (3, 5, 7), expand_ratio: int = 4,
                 transformer: str = 'all', tokens: int = 64, momentum: float = 0.01,
                 eps: float = 1e-3):
        super().__init__()
        preserving = in_channels == out_channels and stride == 1
        self.mixconv = MixConv(in_channels, out_channels, stride, kernel_sizes, expand_ratio,
                               momentum, eps)
        self.residual = nn.Identity() if preserving else nn.Conv2d(
            in_channels, out_channels, 1, stride, groups=gcd(in_channels, out_channels), bias=False)
        wanted = transformer == 'all' or (transformer == 'shape_preserving' and preserving)
        self.transformer = (
            LightweightTransformer(in_channels, out_channels, tokens) if wanted else None)

    def forward(self, x: Tensor) -> Tensor:
        out = self.ops.residual(self.residual, x)
        if not self.transformer:
            return self.ops.add_path(out, self.mixconv, x) if self.mixconv else out
        mix = partial(self.transformer, size=out.shape[-2:])
        return self.ops.add_paths(out, mix, self.mixconv, x) if self.mixconv else out + mix(x)

    def widths(self) -> dict[str, Any]:
        """Return widths that a search may change: hidden channels per kernel size, and tokens."""
        sizes = [conv.kernel_size[0] for conv in self.mixconv.depthwise]
        tokens = self.transformer.tokens if self.transformer is not None else 0
        return dict(channels=dict(zip(sizes, self.mixconv.widths, strict=True)), tokens=tokens)

    def resize(self, channels: dict[int, int], tokens: int) -> None:
        """Take on the widths that ``widths`` gave; tensors that change hold undefined values."""
        self.mixconv.resize([channels[conv.kernel_size[0]] for conv in self.mixconv.depthwise])
        if self.transformer is not None:
            self.transformer.resize(tokens)

    def _load_from_state_dict(self, state_dict, prefix, *args):
        """Refuse other blocks: half a block would go on with untrained weights."""
        parts = {name: getattr(self, name) for name in ('mixconv', 'residual', 'transformer')}
        empty = [name for name, m in parts.items() if m is None or not list(m.parameters())]
        check_parts(state_dict, prefix, [name for name in parts if name not in empty], empty)
        if isinstance(self.residual, nn.Conv2d):
            check_shapes(state_dict, prefix, {'residual.weight': self.residual.weight.shape})
        super()._load_from_state_dict(state_dict, prefix, *args)
