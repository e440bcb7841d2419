"""Single-head attention and feed-forward without biases."""
import torch.nn.functional as F
from torch import Tensor, nn


class Attention(nn.Module):
    """Single-head scaled dot-product attention, no biases.

    Linear layers of their own rather than ``nn.MultiheadAttention``: each weight is then prunable
    and counted like any other.

    Args:
        dim (int): Length of the token vectors.
        dropout (float): On the attention weights. Defaults to 0.1.
    """

    def __init__(self, dim: int, dropout: float = 0.1):
        super().__init__()
        self.dropout = dropout
        self.query = nn.Linear(dim, dim, bias=False)
        self.key = nn.Linear(dim, dim, bias=False)
        self.value = nn.Linear(dim, dim, bias=False)
        self.out = nn.Linear(dim, dim, bias=False)

    def forward(self, queries: Tensor, memory: Tensor) -> Tensor:
        """Let ``queries`` ((N,) tokens, dim) read ``memory`` (N, tokens, dim)."""
        key, value = self.key(memory), self.value(memory)
        query = self.query(queries).expand(key.shape[0], -1, -1)
        dropout = self.dropout if self.training else 0.
        return self.out(F.scaled_dot_product_attention(query, key, value, dropout_p=dropout))


class FeedForward(nn.Sequential):
    """Linear, ReLU, dropout, linear."""

    def __init__(self, dim: int, width: int, dropout: float = 0.1):
        super().__init__(nn.Linear(dim, width, bias=False), nn.ReLU(), nn.Dropout(dropout),
                         nn.Linear(width, dim, bias=False))
