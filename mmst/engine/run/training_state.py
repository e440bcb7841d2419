"""Stores a run's state besides the weights."""
from collections.abc import Mapping
from typing import Any

from ...errors import TicketError

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
    if not isinstance(checkpoint.get('optimizer', {}), Mapping):
        raise _state_error('optimizer')
    if not isinstance(checkpoint.get('param_schedulers', []), (list, Mapping)):
        raise _state_error('param_schedulers')


def _state_error(key: str) -> TicketError:
    return TicketError(f'the checkpoint cannot be resumed from: its {key} is missing or broken. '
                       'Remedy: resume from another checkpoint of the run.')
