"""Checks a sparse file's declarations before any of it is unpacked."""
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ...errors import TicketError
from ...tickets.build import build_network

#: Unpacked weights may take so many times the stored bytes: at 99.7% a weight takes 0.012 bytes.
EXPANSION = 256
#: From there on the file's own architecture must have such weights.
USUAL = 16
#: Bytes that any file may take.
ROOM = 1 << 20


def check_declared(content: Mapping[str, Any]) -> None:
    """Refuse a file whose layers are larger than its data or its architecture allow.

    Args:
        content (Mapping): Of a sparse file, its fields of the right types.

    Raises:
        TicketError: Naming the layer, or the excess.
    """
    values: dict[Any, Any] = content['values']
    if any(not isinstance(v, Tensor) or v.dim() != 1 or str(v.dtype) != f'torch.{name}'
           for name, v in values.items()) or content['positions'].dtype != torch.uint8 \
            or content['positions'].dim() != 1:
        raise _damage_error('its values are not as they were written')
    names: list[str] = []
    layers: dict[str, Mapping[str, Any]] = {}  # less those that are another layer's weight
    for layer in content['layers']:
        shared = isinstance(layer, dict) and isinstance(layer.get('name'), str) \
            and isinstance(layer.get('same'), str) and layer['same'] in layers
        if not shared and not _is_layer(layer, values):
            raise _damage_error('a layer is not as it was written')
        names.append(layer['name'])
        if not shared:
            layers[layer['name']] = layer
    if len(set(names)) < len(names):
        raise _damage_error('two layers have one name')
    stored = len(content['positions']) + sum(v.numel() * v.element_size() for v in values.values())
    claimed = sum(math.prod(layer['shape']) * (
        4 if 'of' in layer else values[layer['dtype']].element_size())
                  for layer in layers.values())
    if claimed > EXPANSION * stored + ROOM:
        raise _damage_error(f'its weights claim {claimed:,} bytes, and it stores {stored:,}')
    if claimed > USUAL * stored + ROOM:
        _check_architecture(content, list(layers.values()))


def _check_architecture(content: Mapping[str, Any], layers: list[Mapping[str, Any]]) -> None:
    """Compare with the network, which may be larger: units are removed when weights are loaded."""
    state = {layer['name']: torch.empty(layer['shape'], device='meta') for layer in layers}
    network = build_network(content['model'], content['meta'].get('default_scope'), state)
    own = {name: value.shape for name, value in network.state_dict().items()}
    for name, value in state.items():
        if name not in own or len(own[name]) != value.dim() or any(
                claimed > allowed for claimed, allowed in zip(value.shape, own[name], strict=True)):
            raise _damage_error(f'{name} has shape {tuple(value.shape)}, which its architecture '
                                'does not have')


def _is_layer(layer: Any, values: Mapping[Any, Tensor]) -> bool:
    if not isinstance(layer, dict) or not isinstance(layer.get('name'), str) \
            or not isinstance(layer.get('dtype'), str) or layer['dtype'] not in values:
        return False
    shape, length = layer.get('shape'), layer.get('bytes', 0)
    coding = layer.get('coding', '')
    if 'of' in layer and not (layer['of'] == 'float32' and (layer['dtype'] == 'float16' or (
            layer['dtype'] == 'int8' and 'bfloat16' in values and shape and all(shape)))):
        return False
    return 'same' not in layer and isinstance(shape, list) and len(shape) <= 16 and isinstance(
        coding, str) and all(type(n) is int and 0 <= n < 2**48 for n in [*shape, length])


def _damage_error(problem: str) -> TicketError:
    return TicketError(f'it is damaged: {problem}. Remedy: export the ticket again.')
