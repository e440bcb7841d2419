"""Builds the lightweight Transformer path of a search block."""
from collections.abc import Mapping
from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...search.incoming import check_shapes, incoming_length
from ...search.surgery import Cut, resize
from ...search.unit_group import UnitGroup
from .coordinate_map import GRID, coordinate_map
from .coordinate_order import COLUMNS_FIRST, has_old_order, swap
from .ops import Ops
from .transformer_layers import DecoderLayer, EncoderLayer


class LightweightTransformer(nn.Module):
    """Adds global context through a few tokens (HR-NAS's Transformer path; supplement, Fig. 1).

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
        ops (Ops): Computes the layers; ``FastTrainingHook`` gives a faster set.

    Shape:
        (N, in_channels, H, W) to (N, out_channels, \\*size), ``size`` as given to ``forward``.
    """

    is_transformer_path = True  # pruning may leave these out
    ops = Ops()
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
        self.coordinates: Tensor
        self.register_buffer('coordinates', coordinate_map(), persistent=False)

    @property
    def tokens(self) -> int:
        """Return tokens left."""
        return self.queries.shape[0]

    def __bool__(self) -> bool:
        """Return whether a token is left."""
        return bool(self.tokens > 0)  # of a tensor while torch traces

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """Map (N, in_channels, H, W) to (N, out_channels, *size)."""
        ops = self.ops
        x = F.interpolate(x, (GRID, GRID), mode='bilinear', align_corners=False)
        x = torch.cat([x, self.coordinates.to(x).expand(x.shape[0], -1, -1, -1)], dim=1)
        tokens = ops.norm(self.input_bn, ops.project(self.input_proj, x)).flatten(2)
        tokens = ops.mix(self.encoder, self.decoder, self.queries, tokens)
        x = ops.project(self.output_proj, tokens.unflatten(2, (GRID, GRID)))
        x = ops.norm(self.output_bn, x)
        return F.interpolate(x, size, mode='bilinear', align_corners=False)

    def search_units(self) -> dict[str, UnitGroup]:
        """Return the tokens, by the scales of the BN after the input projection."""
        kernel_sizes = [0] * self.tokens
        return dict(tokens=UnitGroup(
            'token', self.input_bn, kernel_sizes, self.keep, self.macs, cost=self.cost))

    def macs(self, in_hw: tuple[int, int], out_hw: tuple[int, int]) -> Tensor:
        """Return multiply-adds of each token: an equal share of the Transformer's.

        Both attentions are quadratic in the tokens, so the share falls as tokens go.
        """
        return torch.full((self.tokens, ), float(self._macs_of_one(self.tokens)))

    def _macs_of_one(self, count: int) -> int:
        """Return the multiply-adds of each of ``count`` tokens."""
        dim = GRID * GRID
        projections = dim * (self.in_channels + 2 + self.out_channels)
        linears = self.encoder.macs_per_token() + self.decoder.macs_per_token()
        return projections + linears + 2 * (2 * count * dim)

    def cost(self, counts: Mapping[int, int], in_hw: tuple[int, int],
             out_hw: tuple[int, int]) -> tuple[int, int]:
        """Return the parameters and multiply-adds of the path with ``counts[0]`` tokens."""
        count = counts.get(0, 0)
        return sum(prod(shape) for name, shape in self._shapes(count).items()
                   if 'running' not in name), count * self._macs_of_one(count)

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
