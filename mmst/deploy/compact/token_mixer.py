"""Computes a Transformer's encoder and decoder layer with the dead parts removed."""
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from ...models.hrnas.attention import Attention
from .take import take


class TokenMixer(nn.Module):
    """Computes two layers on tokens, as ``LightweightTransformer``, with fewer rows and inner
    dimensions.

    Args:
        shapes (Mapping[str, Sequence[int]]): Shapes of its parameters by name. Where those of an
            attention or of the feed-forward layers are missing, that part adds nothing.
        encoder_rows (Sequence[int]): Tokens of which the encoder's output is needed; all of them
            serve as keys.
        decoder_rows (Sequence[int]): Rows of the encoder's output that the decoder goes on with.
        scale (float): Of the scores. It stays that of the whole network where dimensions are gone.

    Shape:
        (N, tokens, H, W) to (N, len(decoder_rows), H, W).
    """

    def __init__(self, shapes: Mapping[str, Sequence[int]], encoder_rows: Sequence[int],
                 decoder_rows: Sequence[int], scale: float):
        super().__init__()
        self.encoder = MixerLayer(_below(shapes, 'encoder.'), scale)
        self.decoder = MixerLayer(_below(shapes, 'decoder.'), scale)
        self.queries = _parameter(shapes, 'queries')
        self.encoder_rows, self.decoder_rows = list(encoder_rows), list(decoder_rows)

    def forward(self, x: Tensor) -> Tensor:
        grid = x.shape[2:]
        tokens = x.flatten(2)
        chosen = take(tokens, self.encoder_rows)
        memory = self.encoder(chosen, chosen, tokens)
        return self.decoder(take(memory, self.decoder_rows), self.queries, memory).unflatten(
            2, grid)


class MixerLayer(nn.Module):
    """Adds and normalises attention and feed-forward layers; either may be gone."""

    def __init__(self, shapes: Mapping[str, Sequence[int]], scale: float):
        super().__init__()
        dim = shapes['norm1.weight'][0]
        inner = shapes.get('attention.query.weight')
        self.attention = CompactAttention(
            dim, inner[0], shapes['attention.value.weight'][0], scale) if inner else None
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        width = shapes.get('feedforward.0.weight')
        self.feedforward = nn.Sequential(
            nn.Linear(dim, width[0], bias=False), nn.ReLU(), nn.Identity(),
            nn.Linear(width[0], dim, bias=False)) if width else None

    def forward(self, x: Tensor, queries: Tensor | None, memory: Tensor) -> Tensor:
        if self.attention is not None:
            x = x + self.attention(queries, memory)
        x = self.norm1(x)
        if self.feedforward is not None:
            x = x + self.feedforward(x)
        return self.norm2(x)


class CompactAttention(Attention):
    """Computes attention with inner dimensions of its own and a fixed scale.

    Args:
        dim (int): Length of the token vectors.
        inner (int): Dimensions of queries and keys.
        values (int): Dimensions of the values.
        scale (float): Of the scores.
    """
    scale: float

    def __init__(self, dim: int, inner: int, values: int, scale: float):
        super().__init__(dim, dropout=0.)
        self.query, self.key = (nn.Linear(dim, inner, bias=False) for _ in range(2))
        self.value, self.out = nn.Linear(dim, values, False), nn.Linear(values, dim, False)
        self.scale = scale


def _below(shapes: Mapping[str, Sequence[int]], prefix: str) -> dict[str, Sequence[int]]:
    return {name[len(prefix):]: shape for name, shape in shapes.items() if name.startswith(prefix)}


def _parameter(shapes: Mapping[str, Sequence[int]], name: str) -> nn.Parameter | None:
    return nn.Parameter(torch.zeros(tuple(shapes[name]))) if name in shapes else None
