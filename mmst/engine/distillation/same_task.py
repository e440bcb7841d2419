"""Refuses a teacher that sees the images otherwise than its pupil, or names the classes otherwise.

The pupil's data preprocessor makes the images of both, and logits are compared by their position:
neither shows in any shape.
"""
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import config_error

#: Attributes of the toolboxes' data preprocessors that say whether colours change places.
_COLOURS = ('channel_conversion', '_channel_conversion', 'to_rgb')


def check_images(student: nn.Module, teacher: nn.Module, key: str) -> None:
    """Refuse a teacher that was trained with images of other means, deviations or colours.

    Args:
        student (nn.Module): A whole network.
        teacher (nn.Module): Another one; where either has no data preprocessor, nothing is known.
        key (str): Of the setting that names the teacher.

    Raises:
        ConfigError: Naming what differs.
    """
    ours, theirs = (getattr(model, 'data_preprocessor', None) for model in (student, teacher))
    if not isinstance(ours, nn.Module) or not isinstance(theirs, nn.Module):
        return
    for what in ('mean', 'std'):
        one, other = (getattr(found, what, None) for found in (ours, theirs))
        if not _are_alike(one, other):
            raise _differs(key, what, _text_of(one), _text_of(other))
    turned = [any(getattr(found, name, False) for name in _COLOURS) for found in (ours, theirs)]
    if turned[0] != turned[1]:
        words = ['red first' if swaps else 'blue first' for swaps in turned]
        raise _differs(key, 'order of colours', *words)


def check_classes(metainfo: Mapping[str, Any], teacher: nn.Module, key: str) -> str | None:
    """Refuse a teacher to which a class's number is that of another one.

    Args:
        metainfo (Mapping): Of the training data.
        teacher (nn.Module): It has ``dataset_meta`` where its classes are known.
        key (str): Of the setting that names the teacher.

    Returns:
        str, optional: A warning where a class has another name, which may be another spelling.

    Raises:
        ConfigError: Naming the first class that both have under another number.
    """
    ours, theirs = (_names(found) for found in (metainfo, getattr(teacher, 'dataset_meta', None)))
    if len(ours) != len(theirs):
        if ours and theirs:
            raise _differs(key, 'number of classes', str(len(ours)), str(len(theirs)))
        return None
    others = [place for place, pair in enumerate(zip(ours, theirs, strict=True))
              if pair[0] != pair[1]]
    for place in others:
        if ours[place] in theirs or theirs[place] in ours:
            raise _differs(key, f'class {place}', ours[place], theirs[place])
    return (f'{key}: its class {others[0]} is called {theirs[others[0]]!r}, and that of the data '
            f'{ours[others[0]]!r}. If these are two classes, give another teacher.'
            if others else None)


def _differs(key: str, what: str, own: str, other: str) -> Exception:
    return config_error(key, f'{what} {other}', f'the network has {what} {own}, and the teacher '
                        'sees the images of the network, whose logits are compared one by one',
                        'give a teacher with the same data_preprocessor and classes')


def _names(metainfo: Any) -> list[str]:
    found = metainfo.get('classes') if isinstance(metainfo, Mapping) else None
    return [str(name) for name in found] if (
        isinstance(found, Sequence) and not isinstance(found, str)) else []


def _are_alike(one: Any, other: Any) -> bool:
    if not isinstance(one, Tensor) or not isinstance(other, Tensor):
        return isinstance(one, Tensor) == isinstance(other, Tensor)
    return one.numel() == other.numel() and torch.allclose(
        one.detach().cpu().double().flatten(), other.detach().cpu().double().flatten(), atol=1e-3)


def _text_of(value: Any) -> str:
    return ('none' if not isinstance(value, Tensor) else
            '(' + ', '.join(f'{number:.6g}' for number in value.flatten().tolist()[:4]) + ')')
