"""Lightweight Transformer path of a search block."""
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...search.incoming import check_shapes, incoming_length
from ...search.surgery import Cut, resize
from ...search.unit_group import UnitGroup
from .attention import Attention, FeedForward
from .coordinate_order import COLUMNS_FIRST, has_old_order, swap

GRID = 8


class LightweightTransformer(nn.Module):
    """Global context through a few tokens (HR-NAS's Transformer path; supplement, Fig. 1).

    The input is resized to 8x8, joined with a coordinate map and projected to n tokens, each a
    vector over the 64 positions; one encoder and one decoder layer (single head, post-norm); the
    decoder's n learned queries read the encoder's output. The tokens are projected back to
    channels and resized. The scales of the BN after the input projection are the tokens'
    importance. A path without tokens holds zero-size tensors only and must not be called.

    Args:
        in_channels (int): Channels of the input.
        out_channels (int): Channels of the output.
        tokens (int): Defaults to 64.
        feedforward (int): Width of the feed-forward layers. Defaults to 64.
        dropout (float): Defaults to 0.1.

    Attributes:
        compiled (Callable, optional): ``compiled(transformer, tokens)`` replaces ``mix`` in
            training. Set by ``BlockCompiler``; defaults to None.

    Shape:
        (N, in_channels, H, W) to (N, out_channels, \\*size), ``size`` as given to ``forward``.
    """

    is_transformer_path = True  # pruning may leave these out
    compiled: Callable[['LightweightTransformer', Tensor], Tensor] | None = None
    _version = COLUMNS_FIRST  # torch writes it into state dicts

    def __init__(self, in_channels: int, out_channels: int, tokens: int = 64,
                 feedforward: int = 64, dropout: float = 0.1):
        super().__init__()
        self.in_channels, self.out_channels, self.full_tokens = in_channels, out_channels, tokens
        dim = GRID * GRID
        self.input_proj = nn.Conv2d(in_channels + 2, tokens, 1, bias=False)
        self.input_bn = nn.BatchNorm2d(tokens)
        self.encoder = EncoderLayer(dim, feedforward, dropout)
        self.queries = nn.Parameter(torch.empty(tokens, dim))
        nn.init.xavier_uniform_(self.queries)
        self.decoder = DecoderLayer(dim, feedforward, dropout)
        self.output_proj = nn.Conv2d(tokens, out_channels, 1, bias=False)
        self.output_bn = nn.BatchNorm2d(out_channels)
        self.register_buffer('coordinates', coordinate_map(), persistent=False)

    @property
    def tokens(self) -> int:
        """Tokens left."""
        return self.queries.shape[0]

    def __bool__(self) -> bool:
        """Whether a token is left."""
        return self.tokens > 0

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """Map (N, in_channels, H, W) to (N, out_channels, *size)."""
        x = F.interpolate(x, (GRID, GRID), mode='bilinear', align_corners=False)
        x = torch.cat([x, self.coordinates.to(x).expand(x.shape[0], -1, -1, -1)], dim=1)
        tokens = self.input_bn(self.input_proj(x)).flatten(2)
        compiled = self.compiled is not None and self.training
        tokens = self.compiled(self, tokens) if compiled else self.mix(tokens)
        x = self.output_bn(self.output_proj(tokens.unflatten(2, (GRID, GRID))))
        return F.interpolate(x, size, mode='bilinear', align_corners=False)

    def mix(self, tokens: Tensor) -> Tensor:
        """Encoder and decoder: (N, tokens, 64) to the same."""
        return self.decoder(self.queries, self.encoder(tokens))

    def search_units(self) -> dict[str, UnitGroup]:
        """The tokens, by the scales of the BN after the input projection."""
        kernel_sizes = [0] * self.tokens
        return dict(tokens=UnitGroup('token', self.input_bn, kernel_sizes, self.keep, self.macs))

    def macs(self, in_hw: tuple[int, int], out_hw: tuple[int, int]) -> Tensor:
        """Multiply-adds of each token: an equal share of the Transformer's.

        Both attentions are quadratic in the tokens, so the share falls as tokens go.
        """
        dim, count = GRID * GRID, self.tokens
        projections = dim * (self.in_channels + 2 + self.out_channels)
        linears = self.encoder.macs_per_token() + self.decoder.macs_per_token()
        attention = 2 * (2 * count * dim)
        return torch.full((count, ), float(projections + linears + attention))

    def keep(self, index: Tensor, cut: Cut) -> None:
        """Keep the tokens of ``index`` (1-D, ascending) and remove the others."""
        cut(self.input_proj, 'weight', 0, index)
        cut.norm(self.input_bn, index)
        cut(self, 'queries', 0, index)
        cut(self.output_proj, 'weight', 1, index)
        if not len(index):
            cut.clear(self)
        self._sync_attributes()

    def resize(self, tokens: int) -> None:
        """Give the path room for ``tokens``; the values of its tensors are undefined after it."""
        for name, shape in self._shapes(tokens).items():
            owner, _, tensor = name.rpartition('.')
            resize(self.get_submodule(owner), tensor, shape)
        self._sync_attributes()

    def _shapes(self, tokens: int) -> dict[str, tuple[int, ...]]:
        dim = GRID * GRID
        out = self.out_channels if tokens else 0
        shapes = {'queries': (tokens, dim),
                  'input_proj.weight': (tokens, self.in_channels + 2, 1, 1),
                  'output_proj.weight': (out, tokens, 1, 1)}
        for bn, size in (('input_bn', tokens), ('output_bn', out)):
            for tensor in ('weight', 'bias', 'running_mean', 'running_var'):
                shapes[f'{bn}.{tensor}'] = (size, )
        for layer in ('encoder', 'decoder'):
            for name, full in getattr(self, layer).full_shapes().items():
                shapes[f'{layer}.{name}'] = full if tokens else (0, *full[1:])
        return shapes

    def _sync_attributes(self) -> None:
        self.input_proj.out_channels = self.output_proj.in_channels = self.tokens
        for bn in (self.input_bn, self.output_bn):
            bn.num_features = bn.weight.shape[0]

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *args):
        """Take the number of tokens from the incoming shapes; children load after this."""
        name = f'{prefix}input_proj.weight'
        if has_old_order(local_metadata) and name in state_dict:
            state_dict[name] = swap(state_dict[name])  # torch gives modules a copy of the dict
        tokens = min(incoming_length(state_dict, f'{prefix}queries', self.tokens), self.full_tokens)
        check_shapes(state_dict, prefix, self._shapes(tokens))
        self.resize(tokens)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *args)


class EncoderLayer(nn.Module):
    """Self-attention and feed-forward, each with residual and post-norm."""

    def __init__(self, dim: int, feedforward: int, dropout: float):
        super().__init__()
        self.attention = Attention(dim, dropout)
        self.norm1 = nn.LayerNorm(dim)
        self.feedforward = FeedForward(dim, feedforward, dropout)
        self.norm2 = nn.LayerNorm(dim)
        self.dropout = nn.Dropout(dropout)
        self._full = {name: tuple(p.shape) for name, p in self.named_parameters()}

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, tokens, dim)."""
        x = self.norm1(x + self.dropout(self.attention(x, x)))
        return self.norm2(x + self.dropout(self.feedforward(x)))

    def full_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the parameters while any token is left."""
        return self._full

    def macs_per_token(self) -> int:
        """Multiply-adds of the linear maps for one token."""
        return sum(shape[0] * shape[1] for shape in self._full.values() if len(shape) == 2)


class DecoderLayer(EncoderLayer):
    """Cross-attention of learned queries on the encoder's output; no self-attention."""

    def forward(self, queries: Tensor, memory: Tensor) -> Tensor:
        """queries: (tokens, dim); memory: (N, tokens, dim)."""
        x = self.norm1(memory + self.dropout(self.attention(queries, memory)))
        return self.norm2(x + self.dropout(self.feedforward(x)))


def coordinate_map() -> Tensor:
    """(1, 2, 8, 8): grows along the columns, then down the rows; zero mean and unit deviation."""
    axis = torch.linspace(-1, 1, GRID)
    axis = axis / axis.std(unbiased=False)
    return torch.stack([axis[None].expand(GRID, GRID), axis[:, None].expand(GRID, GRID)])[None]
