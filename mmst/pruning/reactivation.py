"""Masks in force on living parameters: holding weights at zero, and reviving them."""
from typing import Dict, MutableMapping

import torch
from torch import Tensor, nn

#: Parameter to ``{'pruned': bool tensor}``, with ``revive='value'`` also ``'value'``: the weights
#: as they were when they were pruned. A companion of ``Cut``: it shrinks with its parameter.
Masks = Dict[nn.Parameter, Dict[str, Tensor]]

REVIVE = ('zero', 'value')


@torch.no_grad()
def mask_gradients(masks: Masks) -> None:
    """Zero the gradients of pruned weights. A product would leave inf * 0 = nan."""
    for parameter, state in masks.items():
        if parameter.grad is not None:
            parameter.grad.masked_fill_(state['pruned'], 0)


@torch.no_grad()
def zero_pruned(masks: Masks) -> None:
    """Set pruned weights to exactly 0: momentum, Adam moments and decay still move them."""
    for parameter, state in masks.items():
        parameter.masked_fill_(state['pruned'], 0)


@torch.no_grad()
def reactivate(masks: Masks, optimizer_state: MutableMapping[nn.Parameter, dict]) -> None:
    """Lift the masks: pruned weights get gradients again (iterative reactivation, Sec. 3.2).

    A weight starts from 0, or from the value that it had when it was pruned if the mask keeps one.
    So that it does not jump, its first moments are 0 and its second moments the mean of the
    tensor's live entries (Adam counts steps per tensor: a second moment of 0 would make the first
    step several learning rates long). A tensor without a live entry starts anew, step count too.
    """
    for parameter, state in masks.items():
        pruned = state['pruned']
        if 'value' in state:
            parameter.copy_(torch.where(pruned, state['value'], parameter))
        if bool(pruned.all()):
            optimizer_state.pop(parameter, None)
        for key, moment in optimizer_state.get(parameter, {}).items():
            if torch.is_tensor(moment) and moment.shape == parameter.shape:
                moment.masked_fill_(pruned, _start(key, moment, pruned))
    masks.clear()


def _start(key: str, moment: Tensor, pruned: Tensor) -> float:
    second = 'sq' in key or key == 'sum'
    return float(moment[~pruned].mean()) if second else 0.
