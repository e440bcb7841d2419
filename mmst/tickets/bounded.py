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


@contextmanager
def bounded(elements: int, entries: int) -> Iterator[None]:
    """Refuse to build networks far larger than the given weights, before memory is taken.

    Args:
        elements (int): Of all weights.
        entries (int): Of the state dict.

    Raises:
        TicketError: The network asks for more.
    """
    room = dict(elements=SHRINKING * elements + ROOM, modules=MODULES * entries + MODULE_ROOM)

    def take(kind: str, number: int) -> None:
        room[kind] -= number
        if room[kind] < 0:
            raise TicketError(f'it asks for far more {kind} than its file holds weights for')

    handles = [
        torch_module.register_module_parameter_registration_hook(
            lambda module, name, value: take('elements', _numel(value))),
        torch_module.register_module_module_registration_hook(
            lambda module, name, value: take('modules', 1))]
    try:
        with _Constructors(take):
            yield
    finally:
        for handle in handles:
            handle.remove()


class _Constructors(TorchFunctionMode):
    """Finds the size of a new tensor on torch's device without memory."""

    def __init__(self, take: Callable[[str, int], None]):
        super().__init__()
        self.take = take

    def __torch_function__(self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (),
                           kwargs: dict[str, Any] | None = None) -> Any:
        kwargs = kwargs or {}
        if func in _device_constructors():
            plain = {k: v for k, v in kwargs.items() if k not in ('generator', 'pin_memory', 'out')}
            try:
                size = _numel(func(*args, **dict(plain, device='meta')))
            except Exception:  # The call itself reports its error.
                size = 0
            self.take('elements', size)
        return func(*args, **kwargs)


def _numel(value: Any) -> int:
    return int(value.numel()) if hasattr(value, 'numel') else 0
