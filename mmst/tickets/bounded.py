"""Bounds the size of networks by the weights that came with them."""
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch.nn.modules import module as torch_module
from torch.overrides import TorchFunctionMode
from torch.utils._device import _device_constructors

from ..errors import TicketError

#: The supernet of a foreign network is built whole, and searches have removed most of it.
SHRINKING = 32
#: Elements, 64 MB, that any network may have: constants, and tiny tickets.
ROOM = 1 << 24
#: Modules for an entry of the state dict, of which activations, drop-outs and containers have none.
MODULES, MODULE_ROOM = 50, 5000
#: Numbers of a tensor that is built without memory, where asked for, and of all such tensors.
LIGHT, MOST = 1 << 14, 1 << 32


class TooLarge(TicketError):
    """Reports a network that asks for far more memory than the weights that came with it."""


@contextmanager
def bounding(elements: int, entries: int, light: bool = False) -> Iterator[None]:
    """Refuse to build networks far larger than the given weights, before memory is taken.

    Args:
        elements (int): Of all weights.
        entries (int): Of the state dict.
        light (bool): Build large tensors on torch's meta device, where they take no memory.
            Defaults to False.

    Raises:
        TooLarge: The network asks for more.
    """
    room = dict(elements=SHRINKING * elements + ROOM, modules=MODULES * entries + MODULE_ROOM)
    room['light elements'] = MOST

    def take(kind: str, number: int) -> None:
        room[kind] -= number
        if room[kind] < 0:
            raise TooLarge(f'it asks for far more {kind} than its file holds weights for')

    handles = [
        torch_module.register_module_parameter_registration_hook(
            lambda module, name, value: take(
                'light elements' if light and value is not None and value.is_meta else 'elements',
                _numel(value))),
        torch_module.register_module_module_registration_hook(
            lambda module, name, value: take('modules', 1))]
    try:
        with _Constructors(take, LIGHT if light else None):
            yield
    finally:
        for handle in handles:
            handle.remove()


class _Constructors(TorchFunctionMode):
    """Finds the size of a new tensor on torch's device without memory, where larger ones stay."""

    def __init__(self, take: Callable[[str, int], None], light: int | None = None):
        super().__init__()
        self.take, self.light = take, light

    def __torch_function__(self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (),
                           kwargs: dict[str, Any] | None = None) -> Any:
        kwargs = kwargs or {}
        if func in _device_constructors():
            plain = {k: v for k, v in kwargs.items() if k not in ('generator', 'pin_memory', 'out')}
            try:
                found = func(*args, **dict(plain, device='meta'))
            except Exception:  # The call itself reports its error.
                found = None
            light = self.light is not None and _numel(found) > self.light
            self.take('light elements' if light else 'elements', _numel(found))
            if light:
                return found
        return func(*args, **kwargs)


def _numel(value: Any) -> int:
    return int(value.numel()) if hasattr(value, 'numel') else 0
