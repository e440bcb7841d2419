"""Runs the linear layer of a classifier by the kernel."""
from typing import TypeGuard

from torch import Tensor, nn

from ..as_written import is_as_written
from .engine_settings import EngineSettings
from .sparse_conv import SparseConv


class SparseLinear(nn.Module):
    """Computes a linear layer as a 1x1 convolution of a single pixel; inference only.

    Args:
        linear (nn.Linear): With or without bias.
        settings (EngineSettings): Shared by the modules of a network.

    Shape:
        (..., in_features) to (..., out_features).
    """

    def __init__(self, linear: nn.Linear, settings: EngineSettings):
        super().__init__()
        conv = nn.Conv2d(linear.in_features, linear.out_features, 1,
                         bias=linear.bias is not None, device='meta')
        conv.weight = nn.Parameter(linear.weight.detach()[..., None, None], requires_grad=False)
        conv.bias = linear.bias
        self.conv = SparseConv(conv, None, False, settings)

    @staticmethod
    def takes(module: nn.Module) -> TypeGuard[nn.Linear]:
        """Return whether a module is a linear layer with a bias: only heads of classifiers are."""
        return (type(module) is nn.Linear and is_as_written(module, nn.Linear)
                and module.bias is not None)

    def forward(self, x: Tensor) -> Tensor:
        rows = x.reshape(-1, x.shape[-1])[..., None, None]
        return self.conv(rows).reshape(*x.shape[:-1], -1)
