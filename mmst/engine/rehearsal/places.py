"""Where in a config something stands that has failed."""
import linecache
import re
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Any

from mmengine.config import Config

#: Functions that build an object, and their variable that holds its settings.
_BUILDERS = dict(build_from_cfg='cfg', build_scheduler_from_cfg='cfg', look_up='backend')
#: What the runner does with a section of the config.
_METHODS = dict(set_randomness='randomness', build_log_processor='log_processor',
                build_visualizer='visualizer', register_hooks='default_hooks',
                register_custom_hooks='custom_hooks', build_model='model',
                setup_env='env_cfg', build_logger='log_level')


@dataclass
class Place:
    """Names a part of a config.

    Attributes:
        key (str): E.g. ``'model.backbone'``.
        value (Any): What stands there.
        frame (FrameType, optional): Of the function that was building it.
        line (str): Source code of the object made from it, where that failed.
    """
    key: str
    value: Any
    frame: FrameType | None = None
    line: str = ''

    def inner(self, name: str) -> 'Place':
        """Return the setting ``name`` of the part, or one further inside; None where it is not
        given.
        """
        value = dict(leaves(self.value)).get(name)
        return Place(join(self.key, name), value, self.frame)


def join(key: str, name: str) -> str:
    """Return the key of a part's setting."""
    return f'{key}.{name}'.strip('.').replace('.[', '[')


def leaves(value: Any, key: str = '') -> Iterator[tuple[str, Any]]:
    """Yield key and value of everything in a config, from the outside inwards."""
    yield key, value
    if isinstance(value, (dict, Config)):
        for name, item in value.items():
            yield from leaves(item, join(key, str(name)))
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            yield from leaves(item, f'{key}[{i}]')


def find(cfg: Config, section: str, names: dict[int, str], error: BaseException) -> Place:
    """Return the innermost part of the config that an error comes from.

    It is the part that was being built, or the one from which the object was made in whose methods
    the error was raised.

    Args:
        cfg (Config): The whole config.
        section (str): Key of the section where nothing closer is found.
        names (Dict[int, str]): Identity of built objects to their key.
        error (BaseException): With its traceback.
    """
    known = dict(leaves(cfg))
    for frame, number in frames(error):
        own, function = frame.f_locals.get('self'), frame.f_code.co_name
        if function in _BUILDERS:
            key = _most_alike(known, frame.f_locals.get(_BUILDERS[function]), section)
            if key:
                return Place(key, known[key], frame)
        elif id(own) in names:
            line = linecache.getline(frame.f_code.co_filename, number)
            return Place(names[id(own)], known.get(names[id(own)]), None, line)
        elif function in _METHODS and not section:
            return Place(_METHODS[function], known.get(_METHODS[function]))
        elif own is not None:
            key = _named_by(known, type(own).__name__, section)
            if key:
                return Place(key, known[key])
    return Place(section, known.get(section))


def frames(error: BaseException) -> list[tuple[FrameType, int]]:
    """Return frames of the traceback with their line, innermost first."""
    found, step = [], error.__traceback__
    while step is not None:
        found.append((step.tb_frame, step.tb_lineno))
        step = step.tb_next
    return found[::-1]


def _most_alike(known: dict[str, Any], settings: Any, section: str) -> str | None:
    """Return the key of the part that ``settings`` were copied from; those of ``section`` come
    first.
    """
    def likeness(key: str) -> tuple[int, bool]:
        shared = sum(name in known[key] and _same(known[key][name], value)
                     for name, value in settings.items())
        return shared, bool(section) and key.startswith(section)

    if not isinstance(settings, dict):
        return None
    alike = [key for key, part in known.items() if key and isinstance(part, dict)
             and _same(part.get('type'), settings.get('type'))]
    best = max(alike, key=likeness, default=None)
    return best if best and likeness(best)[0] else None


def _same(a: Any, b: Any) -> bool:
    try:
        return bool(a == b)
    except (ValueError, RuntimeError):  # arrays, tensors
        return False


def _named_by(known: dict[str, Any], name: str, section: str) -> str | None:
    """Return the key of a setting of the section that names a class, e.g.
    ``optim_wrapper.constructor``.
    """
    settings = known.get(section)
    for key, value in settings.items() if isinstance(settings, dict) else ():
        if isinstance(value, str) and key != 'type' and value.rpartition('.')[2] == name:
            return f'{section}.{key}'
    return None


def words(text: str) -> list[str]:
    """Return the names in a text."""
    return re.findall(r'[A-Za-z_]\w*', text)
