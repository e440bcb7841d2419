"""Tells whether a module computes the pass of its class, as this project or torch has it."""
from typing import Any, TypeGuard, TypeVar

from torch import nn

Kind = TypeVar('Kind', bound=nn.Module)

#: Methods that do not take part in a pass.
_APART = ('__init__', 'init_weights', 'train')
_OWN, _TORCH = 'mmst.', 'torch.nn.'


def is_as_written(module: Any, kind: type[Kind], inside: bool = True) -> TypeGuard[Kind]:
    """Return whether a module may be replaced by another form of ``kind``.

    Not so where a subclass has a pass of its own, or a hook changes one (torch's old
    ``weight_norm`` and ``spectral_norm`` are hooks): the other form would leave that out.

    Args:
        module (Any): Perhaps a module.
        kind (type): Class of this project or of torch.
        inside (bool): Whether the same has to hold for all modules within. Defaults to True.
    """
    return isinstance(module, kind) and all(
        map(_passes_as_written, module.modules() if inside else [module]))


def _passes_as_written(module: nn.Module) -> bool:
    """Return whether one module computes the pass of its class, without hooks."""
    if module._forward_hooks or module._forward_pre_hooks or 'forward' in vars(module):
        return False
    kind = type(module)
    base = next(k for k in kind.__mro__ if k.__module__.startswith((_OWN, _TORCH)))
    names = {'forward', '_conv_forward'} if base.__module__.startswith(_TORCH) else {
        name for k in base.__mro__ if k.__module__.startswith(_OWN)
        for name, value in vars(k).items() if callable(value)} - {*_APART}
    return all(getattr(kind, name, None) is getattr(base, name, None) for name in names)
