"""Counts multiply-adds of torch's functions in a pass, layer by layer."""
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils import flop_counter
from torch.utils._pytree import tree_map
from torch.utils.hooks import RemovableHandle

from ..dispatch import DispatchMode

aten = torch.ops.aten
#: Multiply-adds of an operation by its output, arguments and keyword arguments.
Formula = Callable[..., int]


class Owner(NamedTuple):
    """Says where a parameter belongs: its name, its module's path, its mask, its memory layout."""
    name: str
    path: str
    mask: Tensor | None
    stride: tuple[int, ...]


class MacCounter(DispatchMode):
    """Counts multiply-adds as torch's ``FlopCounterMode`` does, whose formulas it uses.

    An operation on a parameter, or on a view of one, counts for the parameter's module, in
    whichever module it runs: attention uses the weights of its output projection without calling
    that. Others, e.g. the products of attention, count for the innermost module that is running.

    Args:
        model (nn.Module): The network that is going to run; it has hooks until the end.
        masks (Mapping[str, Tensor], optional): Parameter name to bool, True where kept.

    Attributes:
        macs (Dict[str, int]): Path of a module to its multiply-adds.
        sparse_macs (Dict[str, float]): The same of the kept weights alone.
        products (Dict[str, int]): Path of a module to those of its multiply-adds that no weight has
            a part in, or only a copy of one.
        macs_of (Dict[str, int]): Name of a weight to the multiply-adds of the operations on it.
        names (Set[str]): Of the parameters. One that several modules share is there once, for the
            first of them.
    """

    def __init__(self, model: nn.Module, masks: Mapping[str, Tensor] | None = None):
        super().__init__()  # type: ignore[no-untyped-call]
        self.macs: dict[str, int] = {}
        self.sparse_macs: dict[str, float] = {}
        self.products: dict[str, int] = {}
        self.macs_of: dict[str, int] = {}
        self._running: list[str] = ['']
        self._densities: dict[tuple[Any, ...], float] = {}
        masks = masks or {}
        self._owners: dict[int, Owner] = {}
        self._weights: dict[str, Owner] = {}
        self.names: set[str] = set()
        for name, p in model.named_parameters():
            self.names.add(name)
            if p.dim() > 1 and p.numel():
                path, _, key = name.rpartition('.')
                owner = self._owners[storage_key(p)] = Owner(
                    name, path, masks.get(name), p.stride())
                if key == 'weight':
                    self._weights[path] = owner
        self._hooks: list[RemovableHandle] = []
        for path, module in model.named_modules():
            if not _multiplies_by_its_own(module):
                enter = partial(self._enter, path)
                self._hooks += [module.register_forward_pre_hook(lambda *_, enter=enter: enter()),
                                module.register_forward_hook(lambda *_: self._leave())]

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)  # type: ignore[no-untyped-call]
        for hook in self._hooks:
            hook.remove()

    def __torch_dispatch__(self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (),
                           kwargs: dict[str, Any] | None = None) -> Any:
        out = func(*args, **(kwargs or {}))
        formula = _FORMULAS.get(getattr(func, '_overloadpacket', None))
        if formula is not None:
            self._add(formula(out, *args, **(kwargs or {})), args)
        return out

    def _add(self, macs: int, args: tuple[Any, ...]) -> None:
        # The last one: a linear map of a parameter, say of learned queries, is the linear's.
        weight = next((t for t in args[::-1] if isinstance(t, Tensor) and t.dim() > 1
                       and storage_key(t) in self._owners), None)
        path, density = self._running[-1], 1.
        if weight is not None:
            owner = self._owners[storage_key(weight)]
            path, density = owner.path, self._density(owner, weight)
            self.macs_of[owner.name] = self.macs_of.get(owner.name, 0) + macs
        else:
            self.products[path] = self.products.get(path, 0) + macs
            if path in self._weights:  # a copy of the weight, e.g. a standardised one
                density = self._density(self._weights[path], None)
        self.macs[path] = self.macs.get(path, 0) + macs
        self.sparse_macs[path] = self.sparse_macs.get(path, 0.) + macs * density

    def _density(self, owner: Owner, view: Tensor | None) -> float:
        """Return the share that the mask keeps of the weights that ``view`` sees; None: of all."""
        if owner.mask is None:
            return 1.
        seen = owner.mask
        key: tuple[Any, ...] = (id(seen), )
        if view is not None and view.numel() != seen.numel():
            key = (id(seen), view.storage_offset(), tuple(view.shape), view.stride())
        if key not in self._densities:
            if view is not None and len(key) > 1:
                laid_out = torch.empty_strided(seen.shape, owner.stride, dtype=torch.bool)
                seen = laid_out.copy_(seen).as_strided(view.shape, view.stride(),
                                                       view.storage_offset())
            self._densities[key] = int(seen.sum()) / max(seen.numel(), 1)
        return self._densities[key]

    def _enter(self, path: str) -> None:
        self._running.append(path)

    def _leave(self) -> None:
        self._running.pop()


def _multiplies_by_its_own(module: nn.Module) -> bool:
    """Return whether parameters tell all operations of ``module``, as they do of torch's plain
    layers.

    A hook for each of these would take a third of the time.
    """
    home = type(module).__module__
    return (not module._forward_pre_hooks and home.startswith('torch.nn.modules.')
            and (home.endswith('.container') or not module._modules))


def storage_key(tensor: Tensor) -> int:
    """Return a number for a tensor's memory, also on the meta device, which has none."""
    return int(tensor.untyped_storage()._cdata)


def _half(formula: Formula) -> Formula:
    return lambda out, *args, **kwargs: formula(*args, **kwargs, out_val=out) // 2


def _by_shapes(formula: Formula) -> Formula:
    """Return the form that formulas have in torch before 2.2."""

    def macs(out: Any, *args: Any, **kwargs: Any) -> int:
        args, kwargs, out = tree_map(lambda x: x.shape if isinstance(x, Tensor) else x,
                                     (args, kwargs, out))
        return formula(*args, **kwargs, out_shape=out) // 2

    return macs


def _trilinear(out: Tensor, one: Tensor, weight: Tensor, two: Tensor, *_: Any, **__: Any) -> int:
    """Return the multiply-adds of ``nn.Bilinear``, which torch does not count."""
    return out.numel() * weight[0].numel()


def _formulas() -> dict[Any, Formula]:
    if hasattr(flop_counter, 'flop_registry'):
        found = {op: _half(formula) for op, formula in flop_counter.flop_registry.items()}
    else:
        former = vars(flop_counter)['flop_mapping']
        found = {op: _by_shapes(formula) for op, formula in former.items()}
    return {**found, aten._trilinear: _trilinear}


_FORMULAS = _formulas()
