"""Holds the state of a module that a captured training pass depends on."""
import operator

import torch
from mmengine import dist
from torch import Tensor, nn

from ..models.unmodified import has_global_hooks, has_hooks, hooks_of

TRAINED = operator.attrgetter('requires_grad')


class ModuleState:
    """Lists a module's parts, looked up once: a walk over it takes a good part of a step."""

    def __init__(self, module: nn.Module):
        self.modules = list(module.modules())
        self._names = [name for name, _ in module.named_modules()]
        self._children = [m._modules for m in self.modules]
        self._ids = self._child_ids()
        self._parameters = [m._parameters for m in self.modules]
        self._buffers = [m._buffers for m in self.modules]
        self._hooks = hooks_of(*self.modules[1:])
        self._sync_bn = next((name for name, m in zip(self._names, self.modules, strict=True)
                              if isinstance(m, nn.SyncBatchNorm)), None)

    def complete(self) -> bool:
        """Return whether no part was replaced, added or removed."""
        return self._child_ids() == self._ids

    def parameters(self) -> list[Tensor]:
        """Return its parameters."""
        return [t for named in self._parameters for t in named.values() if t is not None]

    def copy_gradients(self) -> None:
        """Move gradients to memory of their own."""
        kept = [(p, p.grad) for p in self.parameters() if p.grad is not None]
        # In one call, as there are thousands; a product with 1 keeps every bit.
        copies = torch._foreach_mul([gradient for _, gradient in kept], 1) if kept else []
        for (parameter, _), copy in zip(kept, copies, strict=True):
            parameter.grad = copy

    def fingerprint(self) -> tuple:
        """Return the state that a captured pass depends on: tensors in their places, modes.

        Not so rates of dropout and settings of BN: after a change of them ``release`` the graph.
        """
        tensors = self.parameters()
        tensors += [t for named in self._buffers for t in named.values() if t is not None]
        # Thousands of them, at each step: calls from C.
        places = [list(map(each, tensors)) for each in (id, Tensor.data_ptr, Tensor.numel, TRAINED)]
        return (*places, [m.training for m in self.modules])

    def obstacle(self) -> str | None:
        """Return a reason not to capture the module now, or None."""
        if any(self._hooks) or has_global_hooks():
            names = [
                name for name, m in zip(self._names, self.modules, strict=True)
                if name and has_hooks(m)
            ]
            return f'{(names or ["torch"])[0]} has hooks, which a graph would pass over'
        if self._sync_bn is not None and dist.get_world_size() > 1:
            return f'{self._sync_bn} is a SyncBatchNorm, whose ranks wait for each other'
        return None

    def _child_ids(self) -> list[int]:
        return [id(m) for children in self._children for m in children.values()]
