"""Computes single-head attention and feed-forward without biases."""
from torch import Tensor, nn

from .ops import Ops


class Attention(nn.Module):
    """Computes single-head scaled dot-product attention, without biases.

    Linear layers of their own rather than ``nn.MultiheadAttention``: each weight is then prunable
    and counted like any other.

    Args:
        dim (int): Length of the token vectors.
        dropout (float): On the attention weights. Defaults to 0.1.

    Attributes:
        scale (float, optional): Of the scores; 1 / sqrt(dim) by default.
        ops (Ops): Computes the products.
    """

    scale: float | None = None
    ops = Ops()

    def __init__(self, dim: int, dropout: float = 0.1):
        super().__init__()
        self.dropout = dropout
        self.query = nn.Linear(dim, dim, bias=False)
        self.key = nn.Linear(dim, dim, bias=False)
        self.value = nn.Linear(dim, dim, bias=False)
        self.out = nn.Linear(dim, dim, bias=False)

    def forward(self, queries: Tensor, memory: Tensor) -> Tensor:
        """Let ``queries`` ((N,) tokens, dim) read ``memory`` (N, tokens, dim)."""
        key, value = self.ops.keys_and_values(self.key, self.value, memory)
        dropout = self.dropout if self.training else 0.
        return self.out(self.ops.attend(self.query(queries), key, value, dropout, self.scale,
                                        self.training))


class FeedForward(nn.Sequential):
    """Computes linear, ReLU, dropout, linear."""

    def __init__(self, dim: int, width: int, dropout: float = 0.1):
        super().__init__(nn.Linear(dim, width, bias=False), nn.ReLU(), nn.Dropout(dropout),
                         nn.Linear(width, dim, bias=False))
