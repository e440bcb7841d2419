"""Stores a run's state besides the weights."""
from collections.abc import Callable, Mapping
from typing import Any

from mmengine.optim import ConstantParamScheduler
from torch import Tensor

from ...errors import TicketError
from ...settings.checks import as_number, as_whole
from ...tickets.check_meta import are_costs, are_survivors

_HUB = ('log_scalars', 'runtime_info', 'resumed_keys')


def check_state(checkpoint: Mapping[str, Any]) -> None:
    """Refuse a checkpoint that a run could load in part only.

    Raises:
        TicketError: It names the part that is not as a run writes it.
    """
    meta, hub = checkpoint.get('meta'), checkpoint.get('message_hub')
    if not isinstance(meta, Mapping):
        raise _state_error('meta')
    for key in ('epoch', 'iter'):
        if type(meta.get(key)) is not int or not 0 <= meta[key] < 2**53:
            raise _state_error(f'meta.{key}')
    if type(meta.get('seed', 0)) not in (int, type(None)):
        raise _state_error('meta.seed')
    if not isinstance(hub, Mapping):
        raise _state_error('message_hub')
    for key in _HUB:
        if not isinstance(hub.get(key), dict):
            raise _state_error(f'message_hub.{key}')
    _check_optimizer('optimizer', checkpoint.get('optimizer', {}))
    for key, is_sound in _PARTS.items():
        if checkpoint.get(key) is not None and not is_sound(checkpoint[key]):
            raise _state_error(key)


def _check_optimizer(key: str, content: Any) -> None:
    """Refuse the state of an optimizer, or of several by name, that no optimizer has written."""
    if not isinstance(content, Mapping):
        raise _state_error(key)
    if 'param_groups' not in content:
        for name, part in content.items():
            if isinstance(part, Mapping) and 'param_groups' in part:
                _check_optimizer(f'{key}.{name}', part)
        return
    groups, state = content['param_groups'], content.get('state')
    if not isinstance(groups, list) or not all(
            isinstance(group, Mapping) and isinstance(group.get('params'), list)
            and _is_number(group.get('lr', 0.)) for group in groups):
        raise _state_error(f'{key}.param_groups')
    if not isinstance(state, Mapping) or not all(
            isinstance(own, Mapping) and _is_number(own.get('step', 0)) for own in state.values()):
        raise _state_error(f'{key}.state')


def _is_number(value: Any) -> bool:
    """Return whether a value, or a tensor's only one, is a finite number."""
    if isinstance(value, Tensor):
        return value.numel() == 1 and bool(value.isfinite())
    return as_number(value) is not None


def _are_schedules(value: Any) -> bool:
    """Return whether these are states of schedulers, which write over attributes but no method."""
    if isinstance(value, Mapping):  # of several optimizers
        return all(map(_are_schedules, value.values()))
    return isinstance(value, list) and all(
        isinstance(state, Mapping) and not any(
            callable(getattr(ConstantParamScheduler, str(name), None)) for name in state)
        for state in value)


def _are_tensors(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(item, Tensor) for item in value.values())


def _is_mask(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        _are_tensors(value.get(part)) for part in ('kept', 'values'))


def _is_search(value: Any) -> bool:
    if not isinstance(value, Mapping):
        return False
    numbers = [value.get(name) for name in ('rho_factor', 'mean_macs')]
    costs, last = value.get('supernet'), value.get('last_search')
    return (are_survivors(value.get('survivors') or {})
            and all(number is None or as_number(number) is not None for number in numbers)
            and (costs is None or are_costs(costs))
            and (last is None or (as_whole(last) is not None and last >= 0)))


_PARTS: dict[str, Callable[[Any], bool]] = dict(
    param_schedulers=_are_schedules, ema_state_dict=_are_tensors, mmst_mask=_is_mask,
    mmst_search=_is_search, mmst_epoch_length=lambda value: (as_whole(value) or 0) > 0)


def _state_error(key: str) -> TicketError:
    return TicketError(f'the checkpoint cannot be resumed from: its {key} is missing or broken. '
                       'Remedy: resume from another checkpoint of the run.')
