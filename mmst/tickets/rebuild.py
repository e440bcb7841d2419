"""Builds a ticket's network, and says in one line why it cannot be built."""
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from ..errors import TicketError, one_line, shorten
from ..models.hrnas.widths import without_widths
from ..search.graph.described import attach_described, describing
from .bounded import TooLarge
from .build import build_network
from .imports import how_to_import, missing_imports
from .light import light_network


def rebuild(settings: Any, state: Mapping[str, Tensor], meta: Mapping[str, Any],
            part: str | None = None, whole: bool = False) -> nn.Module:
    """Return the network of a ticket's settings, without its weights.

    Of networks far larger than the weights, only the units that a search has left take memory.

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


def build_with_weights(model: Mapping[str, Any], state_dict: Mapping[str, Tensor],
                       meta: Mapping[str, Any], part: str | None = None) -> nn.Module:
    """Return a ticket's network, or one part of it, with its weights and in eval mode.

    Args:
        model (Mapping): The whole model's config as plain data.
        state_dict (Mapping[str, Tensor]): The whole model's weights.
        meta (Mapping): The ticket's.
        part (str, optional): ``'backbone'`` or ``'neck'``; the whole model by default.

    Raises:
        TicketError: If architecture and weights do not fit.
    """
    parts = [k for k, v in model.items() if isinstance(v, (dict, list)) and v]
    if part is not None and part not in parts:
        raise TicketError(f'the ticket has no {part!r}. Remedy: name a part of its model: '
                          f'{", ".join(parts)}.')
    prefix = '' if part is None else f'{part}.'
    state = {name[len(prefix):]: value for name, value in state_dict.items()
             if name.startswith(prefix)}
    network = rebuild(model if part is None else model[part], state, meta, part)
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise cannot_build('architecture and weights of the ticket do not fit', error, 'take '
                           'the ticket from the training run again', meta) from None
    network.eval()  # not chained: some toolboxes' backbones return nothing from it
    return network


def build_supernet(model: Mapping[str, Any], state_dict: Mapping[str, Tensor],
                   meta: Mapping[str, Any], values: bool = True) -> nn.Module:
    """Return a ticket's network before any search, without its weights.

    Args:
        model, state_dict, meta: As of :func:`build_with_weights`.
        values (bool): Whether its tensors have to have values, rather than be on the meta device
            where the network is far larger than the ticket.

    Raises:
        TicketError: It cannot be built.
    """
    network = rebuild(without_widths(model), state_dict, meta, whole=True)
    if values and any(parameter.is_meta for parameter in network.parameters()):
        raise TicketError('the whole network is far larger than the ticket\'s. Remedy: build '
                          'it from its config.')
    return network


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
    text = one_line(error)
    if isinstance(error, KeyError):  # it quotes its words
        text = text.strip('"\'')
    text = text.partition('. Please check')[0]
    return shorten(text.partition(' Remedy:')[0], 300).rstrip('.')
