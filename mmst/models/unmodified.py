"""Finds layers that a kernel may replace without anybody's notice."""
from collections.abc import Mapping
from typing import TypeGuard, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules import module as torch_module

M = TypeVar('M', bound=nn.Module)

_HOOKS = ('_forward_hooks', '_forward_pre_hooks', '_backward_hooks', '_backward_pre_hooks')


def is_unmodified(layer: nn.Module, kind: type[M]) -> TypeGuard[M]:
    """Return whether ``layer`` computes as torch's class ``kind`` and does nothing else.

    Not so for subclasses (SyncBN, parametrised layers), layers with hooks of any sort
    (``torch.nn.utils.prune``, profilers), and ones whose ``forward`` was replaced (activation
    checkpointing).
    """
    return (type(layer) is kind and not has_hooks(layer) and 'forward' not in layer.__dict__
            and not has_global_hooks())


def has_hooks(layer: nn.Module) -> bool:
    """Return whether a layer has hooks of any sort of its own."""
    return any(hooks_of(layer))


def hooks_of(*layers: nn.Module) -> list[Mapping]:
    """Return the dicts in which layers keep their hooks; they stay the same objects."""
    return [found for layer in layers for name in _HOOKS
            for found in (getattr(layer, name, None), ) if found is not None]


def has_global_hooks() -> bool:
    """Return whether all layers have hooks, as profilers set them."""
    return torch_module._has_any_global_hook()


def has_values(x: Tensor) -> bool:
    """Return whether a tensor is of torch's own class: other ones (fake) may have no values."""
    return type(x) in (Tensor, nn.Parameter)


def is_compiling() -> bool:
    """Return whether torch.compile is tracing; torch before 2.3 has it elsewhere."""
    # Naming torch._dynamo imports it, which takes seconds: only where there is no other way.
    if hasattr(torch.compiler, 'is_compiling'):
        return torch.compiler.is_compiling()
    return torch._dynamo.is_compiling()
