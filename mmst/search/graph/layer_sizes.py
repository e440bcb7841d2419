"""Lets layers say the sizes that are left of them."""
from collections.abc import Iterable
from typing import Any

from torch import nn


def update_sizes(model: nn.Module, names: Iterable[str]) -> None:
    """Update the sizes that the layers of the tensors ``names`` note of themselves."""
    paths = dict.fromkeys(name.rpartition('.')[0] for name in names)
    for path in paths:
        _update_layer(model.get_submodule(path))
    for path in dict.fromkeys(path.rpartition('.')[0] for path in paths):
        _update_parent(model.get_submodule(path))


def _update_parent(module: nn.Module) -> None:
    """Update copies of a layer's settings: ``ConvModule``'s, and attention's number of heads."""
    inner = module._modules.get('conv')
    if isinstance(inner, nn.modules.conv._ConvNd):
        for name in ('in_channels', 'out_channels', 'groups'):
            if isinstance(vars(module).get(name), int):
                setattr(module, name, getattr(inner, name))
    _update_attention(module)


def _update_layer(m: Any) -> None:
    if isinstance(m, nn.modules.conv._ConvNd):
        into, out = m.weight.shape[:2] if m.transposed else m.weight.shape[1::-1]
        if m.groups > 1:
            whole = m.weight.shape[0]
            before = m.in_channels if m.transposed else m.out_channels
            m.groups = whole // (before // m.groups)
        m.in_channels, m.out_channels = (into, out * m.groups) if m.transposed else (
            into * m.groups, out)
    elif isinstance(m, nn.Linear):
        m.out_features, m.in_features = m.weight.shape
    elif isinstance(m, nn.GroupNorm):
        m.num_groups = len(m.weight) // (m.num_channels // m.num_groups)
        m.num_channels = len(m.weight)
    elif hasattr(m, 'num_features') and getattr(m, 'weight', None) is not None:
        m.num_features = len(m.weight)
    elif isinstance(m, nn.PReLU):
        m.num_parameters = len(m.weight)


def _update_attention(m: nn.Module) -> None:
    """Update number and width of attention's heads, in layers that hold and join them."""
    known = vars(m)
    qkv = m._modules.get('qkv')
    if isinstance(qkv, nn.Linear) and {'num_heads', 'head_dims', 'embed_dims'} <= set(known):
        m.num_heads = qkv.out_features // (3 * known['head_dims'])
        m.embed_dims = m.num_heads * known['head_dims']


def tied_names(model: nn.Module) -> dict[str, list[str]]:
    """Return, for the first name of a parameter that several layers have, its other names."""
    first: dict[int, str] = {}
    found: dict[str, list[str]] = {}
    for path, module in model.named_modules():
        for own, parameter in module._parameters.items():
            if parameter is not None:
                name = f'{path}.{own}'.lstrip('.')
                known = first.setdefault(id(parameter), name)
                if known != name:
                    found.setdefault(known, []).append(name)
    return found
