"""Describes the channels of a network as a file holds them."""
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import TicketError
from .channels import attach, channels_of
from .plan import Plan

#: Entry of a ticket's meta data, and of the search's state in checkpoints.
KEY = 'channels'
_REMEDY = 'Remedy: load it with the config it was made with.'


def described(model: nn.Module) -> dict[str, Any]:
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
        plan = Plan.from_plain(data)
        plan = plan.below(part) if part is not None else plan
        problem = _problem(model, plan)
    except (KeyError, TypeError, ValueError, IndexError, RuntimeError, AttributeError) as error:
        problem = f'its channels are described in another form ({type(error).__name__})'
    if problem is not None:
        raise TicketError(f'channels of the network: {problem}. {_REMEDY}')
    return plan


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
        if not set(group.scales) <= set(group.members):
            return f'{name!r:.80} has scales elsewhere'
    return None
