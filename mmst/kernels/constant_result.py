"""Marks functions whose result torch.compile may take as a constant."""
from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar('F', bound=Callable[..., Any])


def mark_constant(function: F) -> F:
    """Return the function, marked as ``torch.compiler.assume_constant_result`` marks it.

    That one imports the compiler first, which takes seconds in each process that compiles nothing.
    """
    function._dynamo_marked_constant = True  # type: ignore[attr-defined]
    return function
