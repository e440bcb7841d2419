"""Computes encoder and decoder layer of the lightweight Transformer."""
from torch import Tensor, nn

from .attention import Attention, FeedForward
from .ops import Ops


class EncoderLayer(nn.Module):
    """Computes self-attention and feed-forward, each with residual and post-norm.

    Args:
        dim (int): Length of the token vectors.
        feedforward (int): Width of the feed-forward layers.
        dropout (float): On the output of each of the two.

    Attributes:
        ops (Ops): Computes the norms.
    """

    ops = Ops()

    def __init__(self, dim: int, feedforward: int, dropout: float):
        super().__init__()
        self.attention = Attention(dim, dropout)
        self.norm1 = nn.LayerNorm(dim)
        self.feedforward = FeedForward(dim, feedforward, dropout)
        self.norm2 = nn.LayerNorm(dim)
        self.dropout = nn.Dropout(dropout)
        self._full = {name: tuple(p.shape) for name, p in self.named_parameters()}

    def forward(self, x: Tensor) -> Tensor:
        """Compute the layer; x: (N, tokens, dim)."""
        x = self.ops.norm(self.norm1, x + self.dropout(self.attention(x, x)))
        return self.ops.norm(self.norm2, x + self.dropout(self.feedforward(x)))

    def full_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return shapes of the parameters while any token is left."""
        return self._full

    def macs_per_token(self) -> int:
        """Return multiply-adds of the linear maps for one token."""
        return sum(shape[0] * shape[1] for shape in self._full.values() if len(shape) == 2)


class DecoderLayer(EncoderLayer):
    """Computes cross-attention of learned queries on the encoder's output; no self-attention."""

    def forward(self, queries: Tensor, memory: Tensor) -> Tensor:  # type: ignore[override]
        """Compute the layer; queries: (tokens, dim); memory: (N, tokens, dim)."""
        x = self.ops.norm(self.norm1, memory + self.dropout(self.attention(queries, memory)))
        return self.ops.norm(self.norm2, x + self.dropout(self.feedforward(x)))
