"""Describes the channels of a network as a file holds them."""
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import TicketError
from ...settings.checks import as_number
from .channels import attach, channels_of
from .plan import Plan

#: Entry of a ticket's meta data, and of the search's state in checkpoints.
KEY = 'channels'
#: Length that a side of a tensor in another part of the network may have, and all of them together.
_OTHER, _OTHERS = 1 << 16, 1 << 23
_REMEDY = 'Remedy: load it with the config it was made with.'


def describe_channels(model: nn.Module) -> dict[str, Any]:
    """Return the channels of ``model`` as a file holds them; empty without channels from a trace.
    """
    channels = channels_of(model)
    if channels is None:
        return {}
    return {KEY: dict(channels.plan.to_plain(), widths=channels.widths())}


def attach_described(model: nn.Module, file: Mapping[str, Any] | None,
                     part: str | None = None) -> nn.Module:
    """Let ``model``, as built, take on the channels of a file, and return it.

    Args:
        model (nn.Module): The network that the file's config describes. Nothing happens where it
            has channels already.
        file (Mapping, optional): A ticket's meta data or a checkpoint's content.
        part (str, optional): The part of the file's network that ``model`` is.

    Raises:
        TicketError: The file's channels do not fit the network.
    """
    data = describing(file)
    if data is not None and channels_of(model) is None:
        attach(model, plan_for(model, data, part))
    return model


def describing(file: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return the description of channels in meta data, a ticket or a checkpoint, or None."""
    for entry in (file, (file or {}).get('mmst_search'), (file or {}).get('meta')):
        if isinstance(entry, Mapping) and isinstance(entry.get(KEY), Mapping):
            found: Mapping[str, Any] = entry[KEY]
            return found
    return None


def removed_any(file: Mapping[str, Any] | None) -> bool:
    """Return whether fewer units are left of any group than a file says there were."""
    data = describing(file) or {}
    widths, groups = data.get('widths') or {}, data.get('groups') or {}
    return any(name not in widths or widths[name] < group['units']
               for name, group in groups.items())


def plan_for(model: nn.Module, data: Mapping[str, Any], part: str | None = None) -> Plan:
    """Return the plan that plain data describe, if it fits ``model``.

    Raises:
        TicketError: It does not.
    """
    try:
        problem = _claim(model, data, part)
        if problem is None:
            plan = Plan.from_plain(data)
            plan = plan.below(part) if part is not None else plan
            problem = _problem(model, plan)
    except (KeyError, TypeError, ValueError, IndexError, RuntimeError, AttributeError) as error:
        problem = f'its channels are described in another form ({type(error).__name__})'
    if problem is not None:
        raise TicketError(f'channels of the network: {problem}. {_REMEDY}')
    return plan


def _claim(model: nn.Module, data: Mapping[str, Any], part: str | None) -> str | None:
    """Return the fault of the numbers of a description, before memory is taken for them."""
    tensors: dict[str, Tensor] = dict(model.named_parameters())
    tensors.update(model.named_buffers())
    prefix = '' if part is None else f'{part}.'
    most = max((tensor.numel() for tensor in tensors.values()), default=0)
    free: dict[tuple[str, int], int] = {}
    others = 0
    for name, dim, size in data['sizes']:
        inside = name.startswith(prefix)
        if inside and name.removeprefix(prefix) not in tensors:
            return f'it has no {name!r:.80}'
        # Of other parts nothing is known: no side of theirs is longer than all of a tensor.
        limit = tensors[name.removeprefix(prefix)].numel() if inside else max(most, _OTHER)
        if type(dim) is not int or type(size) is not int or not 0 < size <= limit:
            return f'{name!r:.80} has no side of {size!r:.40} numbers'
        others += 0 if inside else size
        if others > _OTHERS:
            return 'other parts of it are far larger than networks are'
        free[name, dim] = size
    for name, group in data['groups'].items():
        if type(group['units']) is not int or group['units'] < 1 or type(
                group['kernel_size']) is not int or not 0 < group['kernel_size'] < 1000:
            return f'{name!r:.80} has no units, or no size of kernel'
        for member, dim, columns in group['members']:
            free[member, dim] -= group['units'] * len(columns)
            if free[member, dim] < 0 or not columns:
                return f'units of {name!r:.80} lie outside of {member!r:.80}'
    for name, times in data['used'].items():
        if as_number(times) is None or times < 0:
            return f'{name!r:.80} is used {times!r:.40} times'
    return None


def _problem(model: nn.Module, plan: Plan) -> str | None:
    tensors: dict[str, Tensor] = dict(model.named_parameters())
    tensors.update(model.named_buffers())
    free = {}
    for (name, dim), size in plan.sizes.items():
        if name not in tensors:
            return f'it has no {name!r:.80}'
        if not 0 <= dim < tensors[name].dim() or tensors[name].shape[dim] != size:
            return f'{name} has shape {tuple(tensors[name].shape)}, not {size} along {dim}'
        free[name, dim] = torch.ones(size, dtype=torch.bool)
    for name, group in plan.groups.items():
        for side, positions in group.members.items():
            if len(positions) != group.units or positions.dim() != 2:
                return f'{name!r:.80} has units of different sizes'
            flat = positions.flatten()
            if int(flat.min()) < 0 or int(flat.max()) >= plan.sizes[side] or len(
                    flat.unique()) != len(flat) or not bool(free[side][flat].all()):
                return f'units of {name!r:.80} share a channel, or lie outside of {side[0]}'
            free[side][flat] = False
        for path, own, times in group.attributes:
            value = vars(model.get_submodule(path)).get(own)
            if type(value) is not int or type(times) is not int or value != times * group.units:
                return f'{path!r:.80} has no {own!r:.80} of {group.units} units'
        if not set(group.scales) <= set(group.members):
            return f'{name!r:.80} has scales elsewhere'
    return None
