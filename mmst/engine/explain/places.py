"""Finds where in a config something stands that is built, or that has failed."""
import linecache
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from traceback import walk_tb
from types import FrameType
from typing import Any
from unittest import mock

from mmengine.config import Config
from mmengine.registry import Registry

from ...errors import MMSTError
from ...settings.parts import join, leaves
from ...settings.resolve import resolve
from ...settings.words import check_words

#: Functions that build an object of settings ``cfg``.
_BUILDERS = ('build_from_cfg', 'build_scheduler_from_cfg')
#: Variables that hold an object at work, in mmengine's functions.
_OWNERS = ('self', 'backend', 'hook_obj')
#: The runner's task with each section of the config.
_METHODS = dict(set_randomness='randomness', build_log_processor='log_processor',
                build_visualizer='visualizer', register_hooks='default_hooks',
                register_custom_hooks='custom_hooks', build_model='model',
                setup_env='env_cfg', build_logger='log_level')


@dataclass
class Place:
    """Names a part of a config.

    Attributes:
        key (str): E.g. ``'model.backbone'``.
        value (Any): The value there.
        registry (Registry, optional): That was building an object from it.
        kind (str | type, optional): The ``type`` of that object.
        line (str): Source code of the object made from it, where that failed.
    """
    key: str
    value: Any
    registry: Registry | None = None
    kind: Any = None
    line: str = ''

    def inner(self, name: str) -> 'Place':
        """Return the setting ``name``, or one further inside; its value is None if not given."""
        value = dict(leaves(self.value)).get(name)
        return Place(join(self.key, name), value, self.registry, self.kind)


class Places:
    """Knows the parts of a config, and which of them each object was built from.

    Attributes:
        cfg (Config): The whole config.
        section (str): Key of the part at work; of equal parts, one that stands there is meant.
        parts (dict): Key to value of everything in it.
    """

    def __init__(self, cfg: Config):
        self.cfg, self.section, self.parts = cfg, '', dict(leaves(cfg))
        self._made: dict[int, tuple[str, Any]] = {}  # with the object: its identity stays its own

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Note the objects that registries build inside the block."""
        build = Registry.build

        def noting(registry: Registry, settings: Any, *args: Any, **kwargs: Any) -> Any:
            key = self._key_of(settings)  # now: some constructors change their settings
            kind, given = resolve(registry, settings.get('type')) if key else None, dict(settings)
            try:
                made = build(registry, settings, *args, **kwargs)
            except MMSTError:
                _check_given(key, kind, given, legible=True)
                raise  # with the advice of the class itself
            except Exception:
                _check_given(key, kind, given)
                raise
            if key:
                _check_given(key, kind, given)
                self.note(made, key)
            return made

        with mock.patch.object(Registry, 'build', noting):
            yield

    def note(self, made: Any, key: str) -> None:
        """Note that an object was built from the part ``key``."""
        self._made.setdefault(id(made), (key, made))

    def of(self, made: Any) -> str | None:
        """Return the key of the part that an object was built from."""
        return self._made.get(id(made), (None, ))[0]

    def find(self, error: BaseException) -> Place:
        """Return the part that was being built, or from which an object was made that failed.

        The innermost of them is meant; where there is none, the section at work.
        """
        for frame, number in frames(error):
            seen, function = frame.f_locals, frame.f_code.co_name
            copied = [key for key, part in self.parts.items() if part is seen.get('x', self)]
            if function == 'deepcopy' and copied:
                return Place(copied[0], self.parts[copied[0]])
            own = next(filter(None, (self.of(seen.get(name)) for name in _OWNERS)), None)
            if function in _BUILDERS and (key := self._key_of(seen.get('cfg'))):
                return Place(key, self.parts[key], seen['registry'], seen['cfg'].get('type'))
            if own:
                line = linecache.getline(frame.f_code.co_filename, number)
                return Place(own, self.parts.get(own), line=line)
            if function in _METHODS and not self.section:
                return Place(_METHODS[function], self.parts.get(_METHODS[function]))
        return Place(self.section, self.parts.get(self.section))

    def _key_of(self, settings: Any) -> str | None:
        """Return the key of the part that ``settings`` were copied from, or that names their type.

        Of parts that are equally alike, one that nothing was built from yet is meant.
        """
        if not isinstance(settings, (dict, Config)):
            return None
        used, kind = {key for key, _ in self._made.values()}, settings.get('type')

        def likeness(key: str) -> tuple[bool, int, bool]:
            shared = [name in settings and _same(settings[name], value)
                      for name, value in self.parts[key].items()]
            within = bool(self.section) and key.startswith(self.section)
            return within, 2 * sum(shared) - len(shared), key not in used

        alike = [key for key, part in self.parts.items() if key and isinstance(part, dict)
                 and _same(part.get('type'), kind)]
        named = [key for key, value in self.parts.items() if isinstance(kind, str)
                 and isinstance(value, str) and value == kind and not key.endswith('.type')]
        return max(alike, key=likeness, default=next(iter(named), None))


def frames(error: BaseException) -> list[tuple[FrameType, int]]:
    """Return frames of the traceback with their line, innermost first."""
    return list(walk_tb(error.__traceback__))[::-1]


def _same(a: Any, b: Any) -> bool:
    try:
        return bool(a == b)
    except (ValueError, RuntimeError):  # arrays, tensors
        return False


def _check_given(key: str | None, kind: Any, given: dict[str, Any], legible: bool = False) -> None:
    """Refuse texts for numbers in the settings that a class or function was given."""
    if key and callable(kind):
        check_words(key, kind, given, legible)
