"""Finds the size of image at which costs are counted."""
from collections.abc import Mapping, Sequence
from typing import Any

from .checks import check_size
from .hooks import hook_settings

#: Height and width at which costs are counted where nothing says so: Cityscapes'.
DEFAULT_SHAPE = (512, 1024)


def input_shape(cfg: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return height and width at which a config counts costs, where it says so.

    Raises:
        ConfigError: The config's value is no size.
    """
    for name in ('TicketHook', 'SearchHook'):
        shape = (hook_settings(cfg, name) or {}).get('input_shape')
        if shape is not None:
            return check_size(f'{name}.input_shape', shape, 'give e.g. (512, 1024)')
    return None


def first_shape(*shapes: Sequence[int] | None) -> tuple[int, int]:
    """Return the first given size (of a command line, config or ticket), else the default.

    Args:
        *shapes (Sequence[int], optional): Height and width, or None where a source says nothing.

    Raises:
        ConfigError: It is no size.
    """
    return check_size('input_shape', next((shape for shape in shapes if shape is not None),
                                          DEFAULT_SHAPE), 'give e.g. 512 1024')
