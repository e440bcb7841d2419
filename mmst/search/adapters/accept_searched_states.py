"""Loads searched states into networks that are not this project's."""
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from ...errors import TicketError
from ...registry import STATE_RECEIVERS
from ..graph.channels import FULL_WIDTHS, channels_of
from ..graph.described import attach_described, removed_any
from ..units import adapter_of


def accept_searched_states(model: nn.Module,
                           file: Mapping[str, Any] | None = None) -> nn.Module:
    """Let ``model`` load states that a search has narrowed, and return it.

    Modules of this project take their widths from the incoming shapes by themselves; those that
    offer units through an adapter learn it here, from a hook that goes before torch's loading
    and travels in copies of the module. To be called on a network as built, before any search. The
    runner's hooks, ``Ticket.build`` and, once ``mmst`` is imported, mmengine's functions that load
    checkpoints do; only code that loads a ticket by other means must.

    Args:
        model (nn.Module): A network as built.
        file (Mapping, optional): The content of the ticket or checkpoint that is going to be
            loaded. Networks that neither declare units nor have an adapter need it: it says which
            of their channels belong together.

    Raises:
        TicketError: The file does not fit the network.
    """
    attach_described(model, file)
    if channels_of(model) is not None:
        return model
    for module in model.modules():
        adapter = adapter_of(module)
        if adapter is not None and not hasattr(module, FULL_WIDTHS):
            full = {name: len(group) for name, group in adapter.search_units().items()}
            setattr(module, FULL_WIDTHS, full)
            module._register_load_state_dict_pre_hook(_rebuild, with_module=True)
    return model


def receive_search(model: nn.Module, search: Mapping[str, Any]) -> None:
    """Let a network take on a state that mmengine is about to load.

    Args:
        model (nn.Module): A network, as built or with channels of its own.
        search (Mapping): Facts of the file: its channels, as far as it has any, and the ``part``
            of its network that ``model`` is.

    Raises:
        TicketError: The search has removed channels, and the network is another one or a part.
    """
    part = search.get('part')
    if part is not None and removed_any(search):
        raise TicketError(
            f'{part}: a search has removed channels of coupled layers, and the rest of a network '
            'that takes this part alone would not fit. Remedy: use mmst transfer, or '
            f'Ticket.load(PATH).build({part!r}).')
    try:
        accept_searched_states(model, search)
    except TicketError:
        if removed_any(search):
            raise


STATE_RECEIVERS.register_module(module=receive_search)


def _rebuild(module: nn.Module, state_dict: Mapping[str, Tensor], prefix: str, *_: Any) -> None:
    adapter = adapter_of(module)
    if adapter is not None:
        adapter.rebuild(state_dict, prefix, getattr(module, FULL_WIDTHS))
