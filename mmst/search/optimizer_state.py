"""Cuts an optimizer's state along with its parameter.

Most optimizers keep tensors of the parameter's own shape. Adafactor keeps averages over rows and
columns, Shampoo-like ones matrices of a dimension with itself, 8-bit ones codes with scales of
their own. An entry is cut along the dimension that is the parameter's if that is known; otherwise
the parameter's whole state is dropped, and the optimizer starts it again.
"""
import inspect
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

#: Treatment of an entry where a dimension of its parameter is cut: it stays, the whole state is
#: dropped, or (a number) that dimension of the entry is cut.
LEAVE, DROP = 'leave', 'drop'
Action = str | int
Shape = tuple[int, ...]
State = MutableMapping[Tensor, Any]
Path = tuple[Any, ...]


class OptimizerState:
    """Holds the state of an optimizer, which ``Cut`` cuts with the parameters.

    An entry is judged over all parameters that have one of its name: a vector may be as
    long as both sides of one square weight, but hardly of all weights.

    Args:
        optimizer (Optimizer): Its state and parameters fit each other.

    Attributes:
        dropped (Dict[str, int]): Name of each entry that could not be cut to the number of
            parameters whose state was dropped for it.
    """

    def __init__(self, optimizer: Optimizer):
        self.optimizer = optimizer
        self.dropped: dict[str, int] = {}
        self._forms: dict[Path, set[str]] | None = None

    def cut(self, parameter: nn.Parameter, dim: int, index: Tensor) -> None:
        """Keep ``index`` along ``dim`` of ``parameter``, which still has its old shape."""
        own = self.optimizer.state.get(parameter)
        if not own:
            return
        if self._forms is None:
            self._forms = find_forms(self.optimizer.state)
        aligned_keys = self._aligned_keys(own, parameter)
        if aligned_keys is not None:
            for key in aligned_keys:
                own[key] = select(own[key], dim, index.to(own[key].device))
            return
        shape = tuple(parameter.shape)
        found = entries(own, shape)
        actions = [action_of(self._forms[path], shape, tuple(tensor.shape), dim, len(path) > 1)
                   for path, tensor in found]
        if DROP in actions:
            restart(self.optimizer, [parameter])
            if len(index):  # an emptied parameter takes no step any more
                name = str(found[actions.index(DROP)][0][0])
                self.dropped[name] = self.dropped.get(name, 0) + 1
            return
        for (path, tensor), action in zip(found, actions, strict=True):
            if isinstance(action, int):
                _replace(own, path, select(tensor, action, index.to(tensor.device)))


    def _aligned_keys(self, own: Mapping[str, Any], parameter: nn.Parameter) -> list[str] | None:
        """Return the entries to cut where the others are single numbers, as in most optimizers.

        None of other states: ``leaves`` and ``action_of`` find out their form.
        """
        assert self._forms is not None
        keys = []
        for key, value in own.items():
            if isinstance(value, Tensor):
                if value.shape == parameter.shape:
                    if 'aligned' not in self._forms.get((key, ), ()):
                        return None
                    keys.append(key)
                elif value.numel() != 1:
                    return None
            elif isinstance(value, (Mapping, list, tuple)):
                return None
        return keys


def restart(optimizer: Optimizer, parameters: Sequence[Tensor]) -> None:
    """Drop the state of ``parameters``, so that their next step is a first one.

    Optimizers that fill their state as they are made (Adagrad) fill it again.
    """
    known = inspect.signature(type(optimizer).__init__).parameters
    group_of = {id(p): group for group in optimizer.param_groups for p in group['params']}
    together: dict[int, list[Tensor]] = {}
    for parameter in parameters:
        optimizer.state.pop(parameter, None)
        together.setdefault(id(group_of.get(id(parameter), optimizer.defaults)), []).append(
            parameter)
    for members in together.values():
        group = group_of.get(id(members[0]), optimizer.defaults)
        settings = {key: value for key, value in group.items() if key in known and key != 'params'}
        try:
            filled = type(optimizer)(members, **settings).state
        except Exception:  # of another making: it fills its state at its next step
            continue
        optimizer.state.update({p: filled[p] for p in members if filled.get(p)})


def leaves(value: Any, shape: Shape, path: Path = ()) -> Iterator[tuple[Path, Tensor]]:
    """Yield tensors in nested dicts, lists and tuples that a cut of ``shape`` may concern, with
    places.

    One element is a count or a factor of the whole parameter, unless that has one element, too.
    """
    if isinstance(value, Tensor):
        if _may_be_cut(value, shape):
            yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from leaves(item, shape, (*path, key))
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            yield from leaves(item, shape, (*path, i))


def entries(own: Mapping[str, Any], shape: Shape) -> list[tuple[Path, Tensor]]:
    """Return the :func:`leaves` of a parameter's state; most are not nested."""
    found: list[tuple[Path, Tensor]] = []
    for key, value in own.items():
        if not isinstance(value, Tensor):
            found += leaves(value, shape, (key, ))
        elif _may_be_cut(value, shape):
            found.append(((key, ), value))
    return found


def _may_be_cut(value: Tensor, shape: Shape) -> bool:
    return value.numel() != 1 or (value.dim() > 0 and value.shape == shape)


def find_forms(state: State) -> dict[Path, set[str]]:
    """Return, for each place in the state, the forms that fit for every parameter that has it."""
    forms: dict[Path, set[str]] = {}
    seen: set[tuple[Path, Shape, Shape, bool]] = set()  # of the many tensors of one shape
    for parameter, own in state.items():
        if not isinstance(parameter, Tensor):
            continue
        shape = parameter.shape
        found = entries(own, shape)
        foreign = any(tensor.shape != shape for _, tensor in found)
        for path, tensor in found:
            coded = foreign and not tensor.is_floating_point()
            case = path, shape, tensor.shape, coded
            if case in seen:
                continue
            seen.add(case)
            shapes = tuple(shape), tuple(tensor.shape)
            # Codes fit none: their scales are in another entry.
            fits = set() if coded else {name for name, form in FORMS.items() if form(*shapes)}
            forms[path] = forms[path] & fits if path in forms else fits
    return forms


def action_of(forms: set[str], shape: Shape, entry: Shape, dim: int, nested: bool) -> Action:
    """Return the treatment of an entry of one of ``forms`` if ``dim`` of ``shape`` is cut.

    Where forms disagree an entry of the parameter's shape is taken at face value, unless
    it is one of several in a list: those of square weights are rather a dimension's with itself.
    """
    if 'aligned' in forms and entry == shape and not nested:
        return dim
    found = (FORMS[form](shape, entry) for form in forms)
    actions = {actions_of[dim] for actions_of in found if actions_of is not None}
    return actions.pop() if len(actions) == 1 else DROP


def align(shape: Shape, entry: Shape) -> dict[int, Action] | None:
    """Return the form of the parameter's dimensions, 1 where averaged over (Adam's, Adafactor's).
    """
    if len(shape) != len(entry) or any(e not in (s, 1) for s, e in zip(shape, entry, strict=True)):
        return None
    return {dim: dim if size == entry[dim] else LEAVE for dim, size in enumerate(shape)}


def without(which: int, shape: Shape, entry: Shape) -> dict[int, Action] | None:
    """Align averages over one dimension, counted from the last one: other Adafactors'."""
    at = len(shape) + which
    if len(shape) < 2 or shape[:at] + shape[at + 1:] != entry:
        return None
    return {dim: LEAVE if dim == at else dim - (dim > at) for dim in range(len(shape))}


def along(which: int, shape: Shape, entry: Shape) -> dict[int, Action] | None:
    """Return a number for each index of one dimension: scales of rows or columns."""
    if len(shape) <= max(which, 1) or entry != shape[which:which + 1]:
        return None
    return {dim: 0 if dim == which else LEAVE for dim in range(len(shape))}


def gram(which: int, shape: Shape, entry: Shape) -> dict[int, Action] | None:
    """Return a matrix of one dimension with itself: Shampoo's. A part of its root is no root of a
    part.
    """
    if len(shape) <= which or entry != (shape[which], ) * 2:
        return None
    return {dim: DROP if dim == which else LEAVE for dim in range(len(shape))}


#: Maps a parameter's and an entry's shape to the treatment of the entry, for each dimension of the
#: parameter that may be cut; to None where the entry cannot be of this form.
FORMS: dict[str, Callable[[Shape, Shape], dict[int, Action] | None]] = {
    'aligned': align,
    **{f'without {n}': partial(without, n) for n in (-1, -2)},
    **{f'along {n}': partial(along, n) for n in range(2)},
    **{f'gram {n}': partial(gram, n) for n in range(4)}}


def select(tensor: Tensor, dim: int, index: Tensor) -> Tensor:
    """Return ``index`` of ``tensor`` along ``dim``, in the memory format that it had."""
    channels_last = tensor.dim() == 4 and not tensor.is_contiguous()
    form = torch.channels_last if channels_last else torch.contiguous_format
    return tensor.index_select(dim, index).contiguous(memory_format=form)


def _replace(container: Any, path: Path, new: Tensor) -> Any:
    """Return ``container`` with ``new`` in a place; in place but for tuples."""
    if not path:
        return new
    key, rest = path[0], path[1:]
    item = _replace(container[key], rest, new)
    if isinstance(container, tuple):
        return type(container)([*container[:key], item, *container[key + 1:]])
    container[key] = item
    return container
