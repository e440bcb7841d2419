"""Converts files written while the Transformers' coordinate map had its channels swapped.

Channel 0 of the map varies along the columns and channel 1 down the rows (as measured on the
published network). Files of older versions have them swapped: the last two input columns of each
Transformer's input projection are then swapped while they are read, and with them the masks, the
averaged copy and the optimizer's state. Outputs stay the same.

A state dict of torch tells by itself which order it has: ``LightweightTransformer._version``, which
torch keeps in its ``_metadata``, is 2 in the new order. Where that was lost, say because names were
changed, the version of the file around it tells: a ticket's or a sparse file's own, and
``mmst_format`` of a training checkpoint, which older ones lack. Weights without either count as
new. The optimizer's state in a checkpoint has no names: hooks convert it where the parameters are
known (:func:`convert_optimizer`).
"""
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any

import torch
from torch import Tensor, nn

from ...settings.checks import as_whole

#: ``_version`` of the modules whose map begins with the columns.
COLUMNS_FIRST = 2
#: Version of tickets from which on their weights are in the new order.
TICKET_COLUMNS_FIRST = 3
#: Key of a training checkpoint's format, its present value, and the first value in the new order.
FORMAT_KEY, FORMAT, FORMAT_COLUMNS_FIRST = 'mmst_format', 2, 2
#: In a converted checkpoint: name to shape of the parameters whose optimizer state is still old.
OLD_ORDER = 'mmst_old_order'

_WEIGHT = 'input_proj.weight'
_SIBLINGS = ('queries', 'input_bn.weight', 'output_proj.weight')


def swap(weight: Any) -> Any:
    """Return a copy of an input projection's tensor, or its mask, with its last two columns
    swapped.
    """
    if not isinstance(weight, Tensor) or weight.dim() != 4 or weight.shape[1] < 2:
        return weight
    return torch.cat([weight[:, :-2], weight[:, -1:], weight[:, -2:-1]], dim=1)


def projections(names: Iterable[str]) -> list[str]:
    """Return the names of the input projections' weights among the names of a state dict."""
    known = set(names)
    found = [name for name in known if isinstance(name, str) and name.endswith(_WEIGHT)]
    return sorted(name for name in found
                  if all(name[:-len(_WEIGHT)] + other in known for other in _SIBLINGS))


def has_old_order(metadata: Any) -> bool:
    """Return whether a module's entry in ``_metadata`` says that its order is the old one."""
    if not isinstance(metadata, Mapping) or 'version' not in metadata:
        return False
    version = metadata['version']
    return version is None or _is_before(version, COLUMNS_FIRST)


def swap_all(tensors: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return ``tensors`` with those of ``names`` swapped."""
    chosen = set(names)
    return {name: swap(value) if name in chosen else value for name, value in tensors.items()}


def convert(content: Any) -> Any:
    """Bring a file's content into the new order, in place: a checkpoint, a state dict or a ticket.

    Files in the new order, and of other networks, stay as they are. A digest must
    be compared before.

    Args:
        content: The result of ``torch.load``.

    Returns:
        The same object.
    """
    if not isinstance(content, dict):
        return content
    if content.get('format') == 'mmst.ticket':
        _convert_ticket(content)
        return content
    found: dict[str, list[int]] = {}
    old_file = _is_old_checkpoint(content)
    for state in (content, content.get('state_dict'), content.get('ema_state_dict')):
        if isinstance(state, dict):
            found.update(_convert_state(state, old_file))
    if old_file:
        content[FORMAT_KEY] = FORMAT
    for masks in (content.get('mmst_mask'), content.get('mmst_returned')):
        for part in masks.values() if found and isinstance(masks, dict) else ():
            _swap_in(part, found)
    if found and 'optimizer' in content:
        content[OLD_ORDER] = found
    return content


def convert_optimizer(checkpoint: MutableMapping[str, Any], optimizer: Any,
                      parameters: Mapping[str, nn.Parameter]) -> None:
    """Bring the optimizer's state of a checkpoint that :func:`convert` has read into the new order.

    A second call changes nothing.

    Args:
        checkpoint (MutableMapping): Its ``optimizer`` is changed in place.
        optimizer (torch.optim.Optimizer): Of the run that goes on; it has the parameters in the
            order in which the state numbers them.
        parameters (Mapping[str, nn.Parameter]): The model's, by name.
    """
    shapes = checkpoint.pop(OLD_ORDER, {})
    saved = checkpoint.get('optimizer')
    if not shapes or not isinstance(saved, Mapping) or 'state' not in saved:
        return
    name_of = {id(p): name for name, p in parameters.items() if name in shapes}
    live = [p for group in optimizer.param_groups for p in group['params']]
    numbers = [number for group in saved['param_groups'] for number in group['params']]
    for parameter, number in zip(live, numbers, strict=False):
        name = name_of.get(id(parameter))
        state = saved['state'].get(number, {}) if name else {}
        for key, value in state.items():
            if isinstance(value, Tensor) and list(value.shape) == shapes[name]:
                state[key] = swap(value)


def _convert_ticket(content: dict[str, Any]) -> None:
    version, state = content.get('version'), content.get('state_dict')
    if _is_before(version, TICKET_COLUMNS_FIRST) and isinstance(state, dict):
        names = projections(state)
        for part in (state, content.get('mask')):
            _swap_in(part, names)
        content['version'] = TICKET_COLUMNS_FIRST
        content.pop('digest', None)  # of the former content


def _is_old_checkpoint(content: Mapping[str, Any]) -> bool:
    """Return whether a run of this project wrote it, in a format before the new order."""
    if not any(isinstance(key, str) and key.startswith('mmst_') for key in content):
        return False
    version = content.get(FORMAT_KEY, 1)
    return _is_before(version, FORMAT_COLUMNS_FIRST)


def _convert_state(state: dict[str, Any], old_file: bool) -> dict[str, list[int]]:
    """Convert weights that their metadata call old; without metadata, ``old_file`` decides.

    Returns:
        dict: Names, without ``module.``, to shapes.
    """
    metadata = getattr(state, '_metadata', None)
    metadata = metadata if isinstance(metadata, dict) else {}
    found = {}
    for name in projections(state):
        entry = metadata.get(name[:-len(_WEIGHT) - 1])
        if old_file if entry is None else has_old_order(entry):
            state[name] = swap(state[name])
            if entry is not None:
                entry['version'] = COLUMNS_FIRST
            found[name[len('module.'):] if name.startswith('module.') else name] = list(
                getattr(state[name], 'shape', ()))
    return found


def _swap_in(tensors: Any, names: Iterable[str]) -> None:
    for name in names if isinstance(tensors, dict) else ():
        if name in tensors:
            tensors[name] = swap(tensors[name])


def _is_before(version: Any, first: int) -> bool:
    """Return whether a file's version is a whole number below ``first``."""
    number = as_whole(version)
    return number is not None and number < first
