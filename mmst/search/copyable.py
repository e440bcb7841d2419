"""Prepares networks for ``copy.deepcopy``."""
from typing import TypeVar

from torch import Tensor, nn

Network = TypeVar('Network', bound=nn.Module)


def copyable(model: Network) -> Network:
    """Cut tensors that a network's modules have computed from parameters off from these.

    Torch copies no tensor that hangs on others. ``torch.nn.utils.weight_norm`` keeps such a one,
    which each pass computes again, as a plain attribute.

    Args:
        model (nn.Module): It is changed in place; its outputs and gradients are not.

    Returns:
        nn.Module: ``model`` itself.
    """
    for module in model.modules():
        for name, value in list(vars(module).items()):
            if isinstance(value, Tensor) and not value.is_leaf:
                setattr(module, name, value.detach())
    return model
