"""Refuses networks that cannot be pruned as the settings ask."""
from collections.abc import Mapping, Sequence

from torch import nn

from ..errors import config_error
from .acting import check_zeros_act
from .draw import count_to_prune
from .matrices import find_matrices
from .prunable import PARTS


def check_network(model: nn.Module, weights: Mapping[str, nn.Parameter], sparsity: float,
                  owner: str = 'Pruner') -> None:
    """Refuse layers that cannot be pruned, and too high a sparsity.

    Args:
        model (nn.Module): A whole OpenMMLab model, unwrapped.
        weights (Mapping[str, nn.Parameter]): Its prunable weights by name.
        sparsity (float): The run's target.
        owner (str): Of the settings, for messages.

    Raises:
        ConfigError: Naming the key.
    """
    check_zeros_act(model, weights, owner)
    sizes = [weight.numel() for weight in weights.values()]
    left = sum(sizes) - count_to_prune(sum(sizes), sparsity)
    if left < len(sizes):
        raise config_error(f'{owner}.sparsity', sparsity, f'it leaves {left} of {sum(sizes)} '
                           f'weights in {len(sizes)} layers, so nothing gets through the network',
                           'use 0.98 or less')


def check_chosen_parts(model: nn.Module, parts: Sequence[str], owner: str = 'Pruner') -> None:
    """Refuse a part that the model lacks; backbone and neck may be missing.

    Raises:
        ConfigError: Naming the part.
    """
    for part in parts:
        if part not in PARTS and part not in model._modules:
            has = dict.fromkeys(matrix.path.partition('.')[0] for matrix in find_matrices(model))
            raise config_error(f'{owner}.parts', part, 'the model has no part of this name',
                               f'name some of {", ".join(map(repr, has))}; layers within them are '
                               'spared by leave_alone')
