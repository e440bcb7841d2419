"""Runs n:m masks on hardware that skips their zeros: 2:4 on NVIDIA GPUs from Ampere on."""
from collections.abc import Callable
from typing import TypeGuard

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.sparse import to_sparse_semi_structured

from ...errors import ConfigError

#: Rows and columns of a weight are multiples of these (torch, half precision).
ROWS, COLUMNS = 32, 64


class SemiStructuredPointwise(nn.Module):
    """Computes a 1x1 convolution as a product with a 2:4 matrix.

    Args:
        conv (nn.Conv2d): 1x1, stride 1, one group.
        convert (Callable): Makes the matrix sparse.
    """

    def __init__(self, conv: nn.Conv2d, convert: Callable[[Tensor], Tensor]):
        super().__init__()
        self.weight, self.bias = convert(conv.weight.detach().flatten(1)), conv.bias

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x.permute(0, 2, 3, 1), self.weight, self.bias).permute(0, 3, 1, 2)


def semi_structured(model: nn.Module) -> dict[str, int]:
    """Store the 2:4 weights of 1x1 convolutions and linears in their compressed form, in place.

    Args:
        model (nn.Module): In half precision, on the GPU, in eval mode.

    Returns:
        Dict[str, int]: How many layers run ``'sparse'`` now, and how many of these kinds do not
        because of their mask (``'mask'``) or because their sizes do not fit (``'size'``).

    Raises:
        ConfigError: There is no GPU that can use them.
    """
    if not torch.cuda.is_available() or torch.cuda.get_device_capability() < (8, 0):
        raise ConfigError('2:4 weights need an NVIDIA GPU of compute capability 8.0 or above, and '
                          'there is none. Remedy: run on one, or export the ticket as it is.')
    return convert_layers(model, to_sparse_semi_structured)


def convert_layers(model: nn.Module, convert: Callable[[Tensor], Tensor]) -> dict[str, int]:
    """Return :func:`semi_structured` with any conversion of a (rows, columns) weight."""
    counts = dict(sparse=0, mask=0, size=0)
    for parent in list(model.modules()):
        for name, layer in list(parent.named_children()):
            if not _is_product(layer):
                continue
            weight = layer.weight.detach().flatten(1)
            fits = weight.shape[0] % ROWS == 0 and weight.shape[1] % COLUMNS == 0
            state = 'size' if not fits else 'sparse' if is_two_of_four(weight) else 'mask'
            counts[state] += 1
            if state == 'sparse' and isinstance(layer, nn.Conv2d):
                setattr(parent, name, SemiStructuredPointwise(layer, convert))
            elif state == 'sparse':
                layer.weight = nn.Parameter(convert(weight), requires_grad=False)
    return counts


def is_two_of_four(weight: Tensor) -> bool:
    """Return whether at most two of every four weights in a row are not 0."""
    rows = weight.flatten(1)
    return rows.shape[1] % 4 == 0 and bool(
        (rows.unflatten(1, (-1, 4)).count_nonzero(2) <= 2).all())


def _is_product(layer: nn.Module) -> TypeGuard[nn.Linear | nn.Conv2d]:
    if isinstance(layer, nn.Linear):
        return True
    return (type(layer) is nn.Conv2d and layer.kernel_size == (1, 1) and layer.stride == (1, 1)
            and layer.groups == 1)
