"""Lets networks take on the shapes of searched states as mmengine loads them.

Every toolbox's ``init_model``, test scripts and ``init_cfg=dict(type='Pretrained')`` end in two
functions of mmengine, which look each other up by name. A file's facts about its search travel in
the state's ``_metadata``, where torch keeps the versions of modules.
"""
import functools
import types
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from torch import nn

from ..registry import STATE_RECEIVERS
from .internals import load_content, part_loader, set_part_loader

#: Key of ``_metadata``: no module has such a path.
_NOTE = '<mmst>'


def note_search(content: dict[str, Any], search: Mapping[str, Any]) -> dict[str, Any]:
    """Let the state of a checkpoint's content tell of its search, and return the content.

    Args:
        content (dict): With ``state_dict``; changed in place.
        search (Mapping): Plain data for :data:`~mmst.registry.STATE_RECEIVERS`.
    """
    if isinstance(content.get('state_dict'), Mapping):  # else whoever loads it says what is wrong
        content['state_dict'] = _note(content['state_dict'], search)
    return content


def receive_searched_states(checkpoint: types.ModuleType) -> None:
    """Let mmengine's functions prepare networks for searched states.

    Args:
        checkpoint (ModuleType): ``mmengine.runner.checkpoint``.
    """
    if hasattr(checkpoint.load_state_dict, '__wrapped__'):
        return  # done before
    load, take_part = checkpoint.load_state_dict, part_loader(checkpoint)

    @functools.wraps(load)
    def load_state_dict(module: nn.Module, state_dict: Any, *args: Any, **kwargs: Any) -> Any:
        search = (getattr(state_dict, '_metadata', None) or {}).get(_NOTE)
        if search is not None:
            receive(module, search)
        return load(module, state_dict, *args, **kwargs)

    @functools.wraps(take_part)
    def load_part(prefix: str, filename: str, map_location: Any = None) -> Any:
        content = load_content(checkpoint, filename, map_location)
        state = content.get('state_dict', content)
        search = (getattr(state, '_metadata', None) or {}).get(_NOTE)
        if search is None:
            return take_part(prefix, filename, map_location)
        part = prefix.rstrip('.')
        found = {name[len(part) + 1:]: value for name, value in state.items()
                 if name.startswith(f'{part}.')}
        return _note(found, dict(search, part=part)) if found else take_part(
            prefix, filename, map_location)  # which says what is wrong

    checkpoint.load_state_dict = load_state_dict  # type: ignore[attr-defined]
    set_part_loader(checkpoint, load_part)


def receive(module: nn.Module, search: Mapping[str, Any]) -> None:
    """Let a network, perhaps wrapped, take on the searched units of a file."""
    from mmengine.model import is_model_wrapper
    inner = module.module if is_model_wrapper(module) else module
    STATE_RECEIVERS.import_from_location()
    for prepare in STATE_RECEIVERS.module_dict.values():
        prepare(inner, search)


def _note(state: Mapping[str, Any], search: Mapping[str, Any]) -> 'OrderedDict[str, Any]':
    noted: Any = OrderedDict(state)
    noted._metadata = OrderedDict(getattr(state, '_metadata', None) or {})
    noted._metadata[_NOTE] = search
    return noted
