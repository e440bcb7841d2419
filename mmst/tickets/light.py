"""Builds networks far larger than a search has left them, without memory for the rest."""
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import TicketError
from ..search.graph.channels import channels_of
from ..search.graph.described import attach_described, describing
from .build import build_network

#: Length of all sides of tensors together along which channels are described.
SIDES = 1 << 22


def light_network(settings: Any, state: Mapping[str, Tensor], meta: Mapping[str, Any],
                  part: str | None, whole: bool) -> nn.Module:
    """Return the network of a ticket that tells its channels, built on torch's meta device.

    Args:
        settings (Mapping | list): Plain data.
        state (Mapping[str, Tensor]): The weights.
        meta (Mapping[str, Any]): The ticket's.
        part (str, optional): Of the ticket's network that ``settings`` describe.
        whole (bool): Return it as before any search, its large tensors without memory; else cut
            to the shapes of ``state``, all tensors in memory, their values undefined.

    Raises:
        TicketError: It cannot be built in this way.
    """
    data = describing(meta) or {}
    if sum(size for _, _, size in data['sizes']) > SIDES:
        raise TicketError('its channels are more than those of networks')
    network = build_network(settings, meta.get('default_scope'), state, light=True)
    attach_described(network, meta, part)
    if whole:
        return network
    channels = channels_of(network)
    assert channels is not None  # just attached
    channels.fit(network, state)
    return _in_memory(network, state)


def _in_memory(network: nn.Module, state: Mapping[str, Tensor]) -> nn.Module:
    """Give the tensors on the meta device memory, in place, if ``state`` will fill them."""
    found: dict[int, Tensor] = {}

    def real(name: str, tensor: Tensor) -> Tensor:
        weights = state.get(name)
        if weights is None or weights.shape != tensor.shape:
            raise TicketError(f'it asks for far more elements than its file holds weights for, by '
                              f'its {name}')
        if id(tensor) not in found:
            new = torch.empty(tensor.shape, dtype=tensor.dtype)
            found[id(tensor)] = nn.Parameter(new, tensor.requires_grad) if isinstance(
                tensor, nn.Parameter) else new
        return found[id(tensor)]

    for path, module in network.named_modules():
        for own in (module._parameters, module._buffers, vars(module)):
            for key, tensor in own.items():
                if isinstance(tensor, Tensor) and tensor.is_meta:
                    own[key] = real(f'{path}.{key}'.lstrip('.'), tensor)
    return network
