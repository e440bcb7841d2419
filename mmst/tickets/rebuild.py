"""Builds a ticket's network, and says in one line why it cannot be built."""
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from ..errors import TicketError, one_line, shorten
from ..search.graph.described import attach_described, describing
from .bounded import TooLarge
from .build import build_network
from .imports import how_to_import, missing_imports
from .light import light_network


def rebuild(settings: Any, state: Mapping[str, Tensor], meta: Mapping[str, Any],
            part: str | None = None, whole: bool = False) -> nn.Module:
    """Return the network of a ticket's settings, without its weights.

    Of networks far larger than the weights, only what a search has left of them takes memory.

    Args:
        settings (Mapping | list): Plain data.
        state (Mapping[str, Tensor]): Its weights, for the room that it may take.
        meta (Mapping[str, Any]): The ticket's.
        part (str, optional): Of the model that ``settings`` describe; the whole by default.
        whole (bool): Return it as before any search, even where it is far larger than the weights:
            its large tensors on torch's meta device. Defaults to False.

    Raises:
        TicketError: It cannot be built.
    """
    try:
        try:
            network = build_network(settings, meta.get('default_scope'), state)
        except TooLarge:
            if describing(meta) is None:
                raise
            return light_network(settings, state, meta, part, whole)
        return attach_described(network, meta, part)
    except Exception as error:  # The constructors of all toolboxes: anything can come.
        raise cannot_build('the network of the ticket cannot be built', error, 'import the '
                           'packages that define it, or train it again', meta) from error


def cannot_build(problem: str, error: Exception, remedy: str,
                 meta: Mapping[str, Any]) -> TicketError:
    """Return the exception of ``build``; modules that nobody has imported are its likely cause."""
    line, missing = reason(error), missing_imports(meta)
    if missing:
        line = f'it needs {", ".join(missing)}, not imported here ({shorten(line, 150)})'
        remedy = how_to_import(missing)
    return TicketError(f'{problem}: {line}. Remedy: {remedy}.')


def reason(error: Exception) -> str:
    """Return the first sentence of the reason: registries go on with advice, networks with all
    shapes.
    """
    text = one_line(error).strip('"\'').partition('. Please check')[0]
    return shorten(text.partition(' Remedy:')[0], 300).rstrip('.')
