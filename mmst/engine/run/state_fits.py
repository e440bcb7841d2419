"""Checks that the optimizer and the schedules of a checkpoint are those of the run."""
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import TicketError
from ...settings.checks import as_whole
from ..optim.rmsprop_tf import RMSpropTF

#: Optimizers whose state has the weights' shapes. Others factor it, or keep it in other parts.
_BY_WEIGHT = (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW, torch.optim.NAdam,
              torch.optim.RAdam, torch.optim.Adamax, torch.optim.RMSprop, torch.optim.Adagrad,
              torch.optim.Adadelta, torch.optim.ASGD, torch.optim.Rprop, RMSpropTF)
#: Entries of their states that are never negative.
_SQUARES = ('exp_avg_sq', 'max_exp_avg_sq', 'square_avg', 'sum', 'acc_delta', 'exp_inf')
_PROGRESS = ('last_step', '_global_step')


def check_groups(checkpoint: Mapping[str, Any], optimizer: Any) -> None:
    """Refuse a checkpoint whose optimizer has more or fewer groups of parameters than the run's.

    Args:
        checkpoint (Mapping): As a run writes it.
        optimizer (Optimizer, optional): Of the run; None where it has several.

    Raises:
        TicketError: It has.
    """
    found = (checkpoint.get('optimizer') or {}).get('param_groups')
    if optimizer is not None and found is not None and len(found) != len(optimizer.param_groups):
        raise TicketError(
            f'the checkpoint cannot be resumed from: its optimizer has {len(found)} groups of '
            f'parameters, and the config\'s has {len(optimizer.param_groups)}. Remedy: resume with '
            'the run\'s own optim_wrapper, or take the weights alone, by load_from.')


def check_moments(checkpoint: Mapping[str, Any], optimizer: Any, model: nn.Module) -> None:
    """Refuse moments of gradients that are none of the checkpoint's weights.

    torch loads them whatever their shape; the first steps would fail, or end in NaN.

    Args:
        checkpoint (Mapping): As a run writes it.
        optimizer (Optimizer, optional): Of the run; None where it has several.
        model (nn.Module): Its unwrapped network, of any widths.

    Raises:
        TicketError: Naming the first moment of another shape, or that no gradients have.
    """
    if not isinstance(optimizer, _BY_WEIGHT):
        return
    state, weights = checkpoint['optimizer'].get('state', {}), checkpoint['state_dict']
    for number, name in _names(optimizer, model):
        for key, value in state.get(number, {}).items():
            if not isinstance(value, Tensor) or not value.dim() or name not in weights:
                continue
            if value.shape != weights[name].shape:
                _refuse(f'{key} of {name} has shape {tuple(value.shape)}, and the weight has '
                        f'{tuple(weights[name].shape)}')
            if value.isnan().any() or (key in _SQUARES and (value < 0).any()):
                _refuse(f'{key} of {name} has values that no gradients lead to')


def check_schedules(checkpoint: Mapping[str, Any], schedulers: Any) -> None:
    """Refuse states of schedules that are more, fewer or less than the run's.

    mmengine would pass over what is missing, and let these schedules start again.

    Args:
        checkpoint (Mapping): As a run writes it.
        schedulers (list | dict, optional): Of the run; several optimizers have a list each.

    Raises:
        TicketError: Naming what is missing.
    """
    states = checkpoint.get('param_schedulers')
    if not states or not schedulers:
        return
    if isinstance(states, dict) != isinstance(schedulers, dict):
        _refuse('its schedules are of another number of optimizers')
    for name in schedulers if isinstance(schedulers, dict) else (None, ):
        own, found = (schedulers, states) if name is None else (schedulers[name], states.get(name))
        _check_schedules(own, found or ())


def _check_schedules(own: Sequence[Any], states: Sequence[Mapping[str, Any]]) -> None:
    if len(own) != len(states):
        _refuse(f'it has {len(states)} schedules, and the config\'s run has {len(own)}')
    for scheduler, state in zip(own, states, strict=True):
        for key in _PROGRESS:
            if hasattr(scheduler, key) and as_whole(state.get(key)) is None:
                _refuse(f'the state of its {type(scheduler).__name__} has no {key}')


def _names(optimizer: Any, model: nn.Module) -> Iterator[tuple[int, str]]:
    """Yield the number that the optimizer's state has for a weight, and the weight's name."""
    names = {id(weight): name for name, weight in model.named_parameters()}
    number = 0
    for group in optimizer.param_groups:
        for weight in group['params']:
            if id(weight) in names:
                yield number, names[id(weight)]
            number += 1


def _refuse(problem: str) -> None:
    raise TicketError(f'the checkpoint cannot be resumed from: {problem}. Remedy: resume from '
                      'another checkpoint of the run, with the run\'s own config, or take the '
                      'weights alone, by load_from.')
