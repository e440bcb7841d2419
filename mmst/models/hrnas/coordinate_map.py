"""Says where the positions of a Transformer's token vectors lie in the image."""
import torch
from torch import Tensor

#: Height and width of the map on which Transformers work.
GRID = 8


def coordinate_map() -> Tensor:
    """Return a (1, 2, 8, 8) map that grows along the columns, then down the rows; normalised."""
    axis = torch.linspace(-1, 1, GRID)
    axis = axis / axis.std(unbiased=False)
    return torch.stack([axis[None].expand(GRID, GRID), axis[:, None].expand(GRID, GRID)])[None]
