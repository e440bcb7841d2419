"""Walks over all modules and parameters of a network, in torch's order.

``named_modules`` hands each module through one generator for each level above it; for the thousands
of modules of a supernet, which an event looks through several times, that took most of the time.
"""
from collections.abc import Iterable, Iterator

from torch import nn


def walk(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield the items of ``model.named_modules()``."""
    seen: set[nn.Module] = set()
    waiting: list[tuple[str, nn.Module]] = [('', model)]
    while waiting:
        path, module = waiting.pop()
        if module in seen:
            continue
        seen.add(module)
        yield path, module
        if module._modules:
            prefix = f'{path}.' if path else ''
            waiting += [(prefix + name, child)
                        for name, child in reversed(module._modules.items()) if child is not None]


def parameters(modules: Iterable[tuple[str, nn.Module]]) -> dict[str, nn.Parameter]:
    """Return ``dict(model.named_parameters())`` of the modules that :func:`walk` yields."""
    seen: set[nn.Parameter] = set()
    found: dict[str, nn.Parameter] = {}
    for path, module in modules:
        for name, parameter in module._parameters.items():
            if parameter is not None and parameter not in seen:
                seen.add(parameter)
                found[f'{path}.{name}' if path else name] = parameter
    return found


def parameters_named(model: nn.Module, names: Iterable[str]) -> dict[str, nn.Parameter]:
    """Return parameters of ``model`` by their names, without a look at the others."""
    modules = {'': model}

    def find(path: str) -> nn.Module:
        if path not in modules:
            parent, _, own = path.rpartition('.')
            modules[path] = find(parent)._modules[own]  # type: ignore[assignment]
        return modules[path]

    split = ((name, *name.rpartition('.')) for name in names)
    return {name: find(path)._parameters[own]  # type: ignore[misc]
            for name, path, _, own in split}


def parameter_count(model: nn.Module) -> int:
    """Return the numbers in all parameters of ``model``, shared ones counted once."""
    own = {p for _, module in walk(model) for p in module._parameters.values() if p is not None}
    return sum(p.numel() for p in own)
