"""Computes a map that does not depend on the image, for one input size."""
from torch import Tensor, nn


class StaticMap(nn.Module):
    """Holds a constant map, its repeated rows and columns stored once."""

    table: Tensor
    rows: Tensor
    columns: Tensor

    def __init__(self, value: Tensor):
        super().__init__()
        value, rows = value.detach().unique_consecutive(return_inverse=True, dim=2)
        value, columns = value.unique_consecutive(return_inverse=True, dim=3)
        self.register_buffer('table', value)
        self.register_buffer('rows', rows)
        self.register_buffer('columns', columns)

    def forward(self) -> Tensor:
        return self.table.index_select(2, self.rows).index_select(3, self.columns)
