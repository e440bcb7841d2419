"""Loads searched states into networks that are not this project's."""
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from ..graph.channels import FULL_WIDTHS, channels_of
from ..graph.described import attach_described
from ..units import adapter_of


def accept_searched_states(model: nn.Module,
                           file: Mapping[str, Any] | None = None) -> nn.Module:
    """Let ``model`` load states that a search has narrowed, and return it.

    Modules of this project take their widths from the incoming shapes by themselves; those that
    offer units through an adapter learn it here, from a hook that goes before torch's loading
    and travels in copies of the module. To be called on a network as built, before any search. The
    runner's hooks and ``Ticket.build`` do; only code that loads a ticket by other means must.

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


def _rebuild(module: nn.Module, state_dict: Mapping[str, Tensor], prefix: str, *_: Any) -> None:
    adapter = adapter_of(module)
    if adapter is not None:
        adapter.rebuild(state_dict, prefix, getattr(module, FULL_WIDTHS))
