"""Tells whether the backward pass of some outputs may still come."""
import weakref
from collections.abc import Callable
from typing import Any

import torch


class Pending:
    """Lives as long as a node of autograd, or until its backward pass."""

    def __init__(self) -> None:
        self._held: list[object] = []

    def hold(self, thing: object) -> None:
        """Let a thing live as long."""
        self._held.append(thing)


def waiting(outputs) -> Callable[[], Pending | None]:
    """Return a function that gives an object while the outputs' backward pass may still come."""
    leaves = [outputs] if torch.is_tensor(outputs) else outputs
    node = next(t.grad_fn for t in leaves if t.grad_fn is not None)
    notes: Any = node.metadata
    notes['waits'] = pending = Pending()
    node.register_hook(lambda *_: notes.clear())
    return weakref.ref(pending)


def nothing() -> None:
    """Do nothing: no pass waits."""
