"""Holds weights of living parameters at zero under a mask, and revives them."""
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ..search.optimizer_state import restart
from .large import in_one, join, non_negative_and_counts, true_first

#: Parameter to ``{'pruned': bool tensor}``, with ``revive='value'`` also ``'value'``: the weights
#: as they were when they were pruned; the operand of zeroing: on a CPU ``'bits'`` (int8), -1 where
#: kept, elsewhere ``'kept'``, 1 or 0. A companion of ``Cut``: it shrinks with its parameter.
PruneState = dict[nn.Parameter, dict[str, Tensor]]

REVIVE = ('zero', 'value')


@torch.no_grad()
def prune_state(pruned: Mapping[nn.Parameter, Tensor]) -> PruneState:
    """Return the state of masks (True where pruned) that come into force."""
    state = {parameter: dict(pruned=mask) for parameter, mask in pruned.items()}
    here = [own for own in state.values() if own['pruned'].device.type == 'cpu']
    for own, bits in zip(here, in_one(_bits, [own['pruned'] for own in here]), strict=True):
        own['bits'] = bits
    return state


@torch.no_grad()
def mask_gradients(masks: PruneState) -> None:
    """Zero the gradients of pruned weights. A product would leave inf * 0 = nan."""
    zero((p.grad, state) for p, state in masks.items() if p.grad is not None)


@torch.no_grad()
def zero_pruned(masks: PruneState) -> None:
    """Set pruned weights to exactly 0: momentum, Adam moments and decay still move them."""
    zero(masks.items())


@torch.no_grad()
def zero(pairs: Iterable[tuple[Tensor, dict[str, Tensor]]]) -> None:
    """Do ``zero_pruned_of`` for many tensors."""
    elsewhere = []
    for tensor, state in pairs:
        if tensor.is_cpu or tensor.element_size() not in _INTEGERS:
            _zero_one(tensor, state)
        else:
            elsewhere.append((tensor, state))
    if elsewhere:
        zero_at_once(elsewhere)


@torch.no_grad()
def zero_at_once(pairs: list[tuple[Tensor, dict[str, Tensor]]]) -> None:
    """Do ``zero_pruned_of`` for many tensors in one call, which a GPU starts faster than many.

    Their bits are multiplied by 1 or 0 as integers: a product of numbers would leave inf * 0 = nan.
    """
    integers, factors = [], []
    for tensor, state in pairs:
        integer = _INTEGERS[tensor.element_size()]
        if 'kept' not in state:  # laid out as the tensor: others are multiplied one by one
            state['kept'] = torch.empty_like(tensor, dtype=integer).copy_(~state['pruned'])
        integers.append(tensor.view(integer))
        factors.append(state['kept'])
    torch._foreach_mul_(integers, factors)


@torch.no_grad()
def zero_pruned_of(tensor: Tensor, state: dict[str, Tensor]) -> None:
    """Set entries of a parameter, or of a tensor of its shape, to exactly 0 where they are pruned.

    On a CPU by their bits: ``masked_fill_`` branches at each entry, and a mask cannot be foretold.

    Args:
        tensor (Tensor): In floating point.
        state (Dict[str, Tensor]): The parameter's entry of ``PruneState``; gets ``'bits'``.
    """
    _zero_one(tensor, state)


def _zero_one(tensor: Tensor, state: dict[str, Tensor]) -> None:
    integer = _INTEGERS.get(tensor.element_size())
    if not tensor.is_cpu or integer is None:
        tensor.masked_fill_(state['pruned'], 0)
        return
    if 'bits' not in state:
        state['bits'] = _bits(state['pruned'])
    tensor.view(integer).bitwise_and_(state['bits'])


def _bits(pruned: Tensor) -> Tensor:
    """Return 0 where pruned, else -1, of which all bits are set in any width."""
    return pruned.view(torch.int8) - 1


_INTEGERS = {2: torch.int16, 4: torch.int32, 8: torch.int64}


@torch.no_grad()
def reactivate(masks: PruneState, optimizer: Optimizer) -> None:
    """Lift the masks: pruned weights get gradients again (iterative reactivation, Sec. 3.2).

    A weight starts from 0, or from the value that it had when it was pruned if the mask keeps one.
    So that it does not jump, its first moments are 0 and its second moments the mean of the
    tensor's live entries (Adam counts steps per tensor: a second moment of 0 would make the first
    step several learning rates long). Adagrad's sums, Rprop's step sizes and the like are second
    moments here: see ``sizes_and_counts``. A tensor without a live entry starts again, step count
    too; so does one whose state is coded in whole numbers. A GPU is waited for once.
    """
    for parameter, state in masks.items():
        if 'value' in state:
            parameter.copy_(torch.where(state['pruned'], state['value'], parameter))
    moments = {parameter: {key: value for key, value in optimizer.state.get(parameter, {}).items()
                           if torch.is_tensor(value) and value.shape == parameter.shape
                           and value.dim()} for parameter in masks}
    measures, counts = sizes_and_counts(masks, moments)
    start_from_zero, again = [], []
    for parameters in _by_device(masks).values():
        live = true_first(~join([masks[p]['pruned'] for p in parameters]))
        begin = offset = 0
        for p in parameters:
            own, end = moments[p], begin + counts[p]
            if begin == end or not all(m.is_floating_point() for m in own.values()):
                again.append(p)
            else:
                start_from_zero += [(m, masks[p]) for key, m in own.items() if key not in measures]
                _start_from_mean([m for key, m in own.items() if key in measures],
                                 masks[p]['pruned'], live[begin:end] - offset)
            begin, offset = end, offset + p.numel()
    zero(start_from_zero)
    restart(optimizer, again)
    masks.clear()


def sizes_and_counts(masks: PruneState, moments: Mapping[nn.Parameter, Mapping[str, Tensor]]
                     ) -> tuple[set[str], dict[nn.Parameter, int]]:
    """Return the entries of an optimizer's state that measure sizes, as second moments, of which
    none is negative; and the number of live weights of each parameter.

    No list of names is complete; a first moment is negative somewhere among all masked weights.
    """
    measures = {key for own in moments.values() for key in own}
    counts: dict[nn.Parameter, int] = {}
    for parameters in _by_device(masks).values():
        lowest: dict[str, list[Tensor]] = {}
        for p in parameters:
            for key, value in moments[p].items():
                if value.numel():
                    lowest.setdefault(key, []).append(value)
        found, numbers = non_negative_and_counts(
            lowest, [masks[p]['pruned'] for p in parameters])
        measures -= {key for key, is_size in found.items() if not is_size}
        counts.update({p: p.numel() - n for p, n in zip(parameters, numbers, strict=True)})
    return measures, counts


def _by_device(masks: PruneState) -> dict[torch.device, list[nn.Parameter]]:
    found: dict[torch.device, list[nn.Parameter]] = {}
    for parameter, state in masks.items():
        found.setdefault(state['pruned'].device, []).append(parameter)
    return found


def _start_from_mean(moments: list[Tensor], pruned: Tensor, live: Tensor) -> None:
    """Set entries where ``pruned`` to the mean of those at the positions ``live``."""
    for moment in moments:
        # By ``where``: on a GPU ``masked_fill_`` would wait for the mean.
        moment.copy_(torch.where(pruned, moment.flatten().index_select(0, live).mean(), moment))
