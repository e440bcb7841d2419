"""Rebuilding searched shapes while a state dict is loaded."""
from typing import Dict, Mapping, Tuple

from torch import Tensor

from ..errors import TicketError


def incoming_shape(state_dict: Mapping[str, Tensor], key: str,
                   default: Tuple[int, ...]) -> Tuple[int, ...]:
    """Shape of ``key`` in a state dict; ``default`` where it is missing (torch reports that)."""
    return tuple(state_dict[key].shape) if key in state_dict else default


def check_shapes(state_dict: Mapping[str, Tensor], prefix: str,
                 shapes: Dict[str, Tuple[int, ...]], plausible: bool) -> None:
    """Refuse shapes that no removal of search units can have left.

    Raises:
        TicketError: It names the key. mmengine's own non-strict load would only log it and go on
            with a partly loaded network.
    """
    for name, shape in shapes.items():
        key = prefix + name
        found = incoming_shape(state_dict, key, shape)
        if found != shape or not plausible:
            raise TicketError(
                f'{key} has shape {found}, which no search can have left of this network '
                f'(expected {shape} or narrower). Remedy: load it with the config it was made with.')
