"""How a MixConv path computes its layers."""
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..unmodified import is_unmodified


class Ops:
    """Computes the steps of a MixConv path by calling its layers.

    This is the reference. ``mmst.kernels`` offers a set of faster functions that agree with it up
    to rounding; ``FastTrainingHook`` gives it to the paths.
    """

    def pointwise(self, conv: nn.Conv2d, x: Tensor) -> Tensor:
        """Convolve 1x1: (N, in, H, W) to (N, out, H, W)."""
        return conv(x)

    def norm_relu(self, bn: nn.Module, x: Tensor) -> Tensor:
        """Normalise and rectify (N, C, H, W)."""
        # In place: torch's own BNs need their input in the backward pass, not their output.
        own = is_unmodified(bn, nn.BatchNorm2d) or is_unmodified(bn, nn.SyncBatchNorm)
        return F.relu(bn(x), inplace=own)

    def depthwise(self, convs: nn.ModuleList, x: Tensor) -> Tensor:
        """Convolve neighbouring slices of channels, each by its own depthwise convolution.

        Args:
            convs (nn.ModuleList): Depthwise convolutions; their channels add up to C. Those that
                have lost all channels are passed over.
            x (Tensor): (N, C, H, W).

        Returns:
            Tensor: (N, C, ceil(H / stride), ceil(W / stride)).
        """
        parts = zip(convs, x.split([conv.weight.shape[0] for conv in convs], dim=1), strict=True)
        return torch.cat([conv(part) for conv, part in parts if part.shape[1]], dim=1)

    def norm_relu_depthwise(self, bn: nn.Module, convs: nn.ModuleList, x: Tensor) -> Tensor:
        """Normalise, rectify and convolve by slices."""
        return self.depthwise(convs, self.norm_relu(bn, x))
