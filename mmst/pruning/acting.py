"""Checks that a weight of 0 is a connection that is not there."""
import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import config_error
from .matrices import PRUNABLE, find_matrices


def check_zeros_act(model: nn.Module, weights: Mapping[str, nn.Parameter],
                    owner: str = 'Pruner') -> None:
    """Refuse layers that change their weights as they compute (weight standardisation).

    Only classes with a computation of their own are tried, one layer of each, in a copy.

    Args:
        model (nn.Module): A whole OpenMMLab model, unwrapped.
        weights (Mapping[str, nn.Parameter]): Those to be pruned, by name.
        owner (str): Of the settings, for messages.

    Raises:
        ConfigError: Naming the layer.
    """
    tried: dict[type[nn.Module], bool] = {}
    refused: list[str] = []
    chosen = {id(p) for p in weights.values()}
    for path, module, _name in find_matrices(model):
        kind = type(module)
        if (isinstance(module, PRUNABLE) and id(module.weight) in chosen
                and not computes_as_torch(kind)):
            if kind not in tried:
                tried[kind] = zeros_act(module)
            refused += [] if tried[kind] else [path]
    if refused:
        more = f' (and {len(refused) - 1} more)' if len(refused) > 1 else ''
        raise config_error(
            f'{owner}.parts', f'{refused[0]}{more}',
            'the layer changes its weight as it computes, e.g. standardises it, '
            'so that a pruned weight would not act as 0',
            f'name such layers in {owner}.leave_alone, e.g. [{refused[0]!r}], or use plain ones')


def computes_as_torch(kind: type[nn.Module]) -> bool:
    """Return whether a class of convolutions or linears computes as torch's own class does."""
    base = next(k for k in kind.__mro__ if k.__module__.startswith('torch.nn.modules.'))
    return all(getattr(kind, name, None) is getattr(base, name, None)
               for name in ('forward', '_conv_forward'))


@torch.no_grad()
def zeros_act(layer: nn.Module) -> bool:
    """Return whether an input whose weights are all 0 does not reach the output of a layer.

    A layer that cannot be tried alone passes.
    """
    try:
        twin: Any = copy.deepcopy(layer).float().cpu().eval()
        generator = torch.Generator().manual_seed(0)
        twin.weight.copy_(torch.rand(twin.weight.shape, generator=generator) - 0.3)
        transposed = getattr(twin, 'transposed', False)
        twin.weight[(slice(None), 0)[::-1] if transposed else (slice(None), 0)] = 0
        one = torch.rand(_input_shape(twin), generator=generator)
        two = one.clone()
        groups = getattr(twin, 'groups', 1)
        if isinstance(twin, nn.Linear):
            two[:, 0] += 1
        else:  # the first input of each group; transposed: of the first one
            each = twin.in_channels if transposed else twin.in_channels // groups
            two[:, ::each] += 1
        return torch.allclose(_tensor(twin(one)), _tensor(twin(two)), rtol=1e-4, atol=1e-5)
    except Exception:  # any that a foreign layer raises
        return True


def _input_shape(layer: Any) -> list[int]:
    if isinstance(layer, nn.Linear):
        return [2, layer.in_features]
    return [1, layer.in_channels, *(d * (k - 1) + 4 for k, d in zip(layer.kernel_size,
                                                                   layer.dilation, strict=True))]


def _tensor(output: Any) -> Tensor:
    found: Tensor = output[0] if isinstance(output, (tuple, list)) else output
    return found
