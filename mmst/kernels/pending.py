"""Tells whether the backward pass of some outputs may still come."""
import weakref
from collections.abc import Callable
from typing import Any

import torch


def waiting(outputs) -> Callable[[], object | None]:
    """Return a function that gives an object while the outputs' backward pass may still come."""
    leaves = [outputs] if torch.is_tensor(outputs) else outputs
    node = next(t.grad_fn for t in leaves if t.grad_fn is not None)
    notes: Any = node.metadata
    notes['waits'] = mark = _Mark()
    node.register_hook(lambda *_: notes.clear())
    return weakref.ref(mark)


def nothing() -> None:
    """Do nothing: no pass waits."""


class _Mark:
    """Lives as long as a node of autograd, or until its backward pass."""
