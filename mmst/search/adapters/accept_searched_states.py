"""Loading searched states into networks that are not this project's."""
from torch import nn

from ..units import adapter_of

_FULL = 'mmst_full_widths'


def accept_searched_states(model: nn.Module) -> nn.Module:
    """Let ``model`` load states that a search has narrowed, and return it.

    Modules of this project take their widths from the incoming shapes by themselves; those that
    offer units through an adapter learn it here, from a hook that goes before torch's loading
    and travels in copies of the module. To be called on a network as built, before any search. The
    runner's hooks and ``Ticket.build`` do; only code that loads a ticket by other means must.
    """
    for module in model.modules():
        adapter = adapter_of(module)
        if adapter is not None and not hasattr(module, _FULL):
            full = {name: len(group) for name, group in adapter.search_units().items()}
            setattr(module, _FULL, full)
            module._register_load_state_dict_pre_hook(_rebuild, with_module=True)
    return model


def _rebuild(module: nn.Module, state_dict, prefix: str, *_) -> None:
    adapter_of(module).rebuild(state_dict, prefix, getattr(module, _FULL))
