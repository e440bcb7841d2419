"""Checks a state dict that is about to give a module its searched shapes."""
from collections.abc import Mapping, Sequence

from torch import Tensor

from ..errors import TicketError

_REMEDY = 'Remedy: load it with the config it was made with.'


def incoming_length(state_dict: Mapping[str, Tensor], key: str, default: int) -> int:
    """Return the length of ``key`` along dimension 0; ``default`` where a state dict does not have
    it.

    Raises:
        TicketError: The entry has no dimensions.
    """
    if key not in state_dict:
        return default
    shape = _shape(state_dict[key])
    if not shape:
        raise TicketError(f'{key} is no tensor with dimensions. {_REMEDY}')
    return shape[0]


def check_shapes(state_dict: Mapping[str, Tensor], prefix: str,
                 shapes: dict[str, tuple[int, ...]]) -> None:
    """Refuse a module's state that is incomplete or that no removal of search units can have left.

    A state dict with nothing at all below ``prefix`` passes: torch reports that.

    Raises:
        TicketError: It names the key. mmengine's own non-strict load would only log it and go on
            with a partly loaded network.
    """
    if not any(key.startswith(prefix) for key in state_dict):
        return
    for name, shape in shapes.items():
        key = prefix + name
        if key not in state_dict:
            raise TicketError(f'{key} is missing, other tensors of its module are there. {_REMEDY}')
        found = _shape(state_dict[key])
        if found != tuple(shape):
            raise TicketError(
                f'{key} has shape {found}, which no search can have left of this network '
                f'(expected {tuple(shape)} or narrower). {_REMEDY}')


def check_parts(state_dict: Mapping[str, Tensor], prefix: str, wanted: Sequence[str],
                absent: Sequence[str]) -> None:
    """Refuse a state that lacks one of the ``wanted`` parts of a module or has an ``absent`` one.

    Raises:
        TicketError: It names the part; see :func:`check_shapes`.
    """
    if not any(key.startswith(prefix) for key in state_dict):
        return
    for parts, expected in ((wanted, True), (absent, False)):
        for part in parts:
            found = any(key.startswith(f'{prefix}{part}.') for key in state_dict)
            if found != expected:
                problem = 'is there, but not in this network' if found else 'is missing'
                raise TicketError(f'{prefix}{part} {problem}. {_REMEDY}')


def _shape(value: Tensor) -> tuple[int, ...]:
    return tuple(getattr(value, 'shape', ()))
