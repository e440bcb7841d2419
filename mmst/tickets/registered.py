"""Checks the names in a file's config: registered classes, and the toolboxes that register them."""
import importlib
import inspect
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from mmengine.config import Config, ConfigDict
from mmengine.fileio.handlers import JsonHandler, file_handlers
from mmengine.registry import (
    DATA_SAMPLERS,
    DATASETS,
    EVALUATOR,
    HOOKS,
    INFERENCERS,
    LOOPS,
    METRICS,
    MODELS,
    RUNNERS,
    STRATEGIES,
    TASK_UTILS,
    TRANSFORMS,
    VISBACKENDS,
    VISUALIZERS,
    WEIGHT_INITIALIZERS,
    DefaultScope,
    Registry,
)
from mmengine.registry import registry as mmengine_registry
from mmengine.runner import CheckpointLoader

from ..errors import TicketError, shorten
from .doors import Guard, closed_doors

#: Packages whose registries may be imported because a file names them.
TOOLBOXES = ('mmengine', 'mmst', 'mmseg', 'mmpretrain', 'mmpose', 'mmdet')
#: One after the other: functions of the whole process are replaced meanwhile.
_LOCK = threading.RLock()
if hasattr(os, 'register_at_fork'):
    # A process that is forked while another thread builds waits for the end of the build: nobody
    # would release the lock in the child, nor put the functions back.
    os.register_at_fork(before=_LOCK.acquire, after_in_parent=_LOCK.release,
                        after_in_child=_LOCK.release)
#: A class's, with or without its toolbox; mmcv evaluates some types.
_NAME = re.compile(r'[\w./-]+')
#: Keys of files with weights.
_FILES = re.compile('checkpoint|ckpt|pretrained|prototype')
#: Entries with words for people, which nothing evaluates, as in ``person (sitting)``.
_WORDS = ('classes', 'metainfo', 'dataset_meta')
#: Registries of classes that are no part of a network.
_OTHERS = (DATASETS, TRANSFORMS, DATA_SAMPLERS, METRICS, EVALUATOR, VISUALIZERS, VISBACKENDS, HOOKS,
           LOOPS, RUNNERS, STRATEGIES, INFERENCERS)


def check_settings(cfg: Any, scope: str | None) -> Any:
    """Refuse a config that leads out of the toolboxes; return a copy without the files it names.

    Args:
        cfg: Plain data, or a config's.
        scope (str, optional): The default scope.

    Raises:
        TicketError: It names another scope, which mmengine would import.
    """
    _check_scope('default_scope', scope)
    return _without_files(cfg)


def check_network(cfg: Any) -> None:
    """Refuse settings with which a network would do more than compute when it predicts.

    Some of the toolboxes' networks evaluate texts then, or build data sets, which read pickles and
    fetch files; no context is left that would keep them from it.

    Args:
        cfg: Plain data of a model.

    Raises:
        TicketError: A text could call something, or a part is none of a network.
    """
    if isinstance(cfg, Mapping):
        kind, scope = cfg.get('type'), cfg.get('_scope_')
        if isinstance(kind, str) and (not _NAME.fullmatch(kind) or _is_other(kind) or (
                scope is not None and _is_other(f'{scope}.{kind}'))):
            raise TicketError(f'{shorten(kind, 60)!r} is no part of a network')
        cfg = [item for key, item in cfg.items() if key not in _WORDS]
    if isinstance(cfg, (list, tuple)):
        for item in cfg:
            check_network(item)
    elif isinstance(cfg, str) and '(' in cfg:
        raise TicketError(f'the config has the text {shorten(cfg, 60)!r}, which reads like a call, '
                          'and toolboxes evaluate such texts')


@contextmanager
def only_registered(data: bool = False, folder: str | Path | None = None) -> Iterator[None]:
    """Build nothing but registered classes inside the block, and read no other files.

    mmengine takes ``type='os.system'`` literally, and calls it with the other settings; it
    imports the scopes that a config names. Some constructors read configs, pickles and checkpoints
    that their settings name, or evaluate these. A config that comes with a file must not do that.

    Args:
        data (bool): Whether data sets are built: they may read annotations in JSON, and configs
            that lie in the toolboxes' own packages. Defaults to False.
        folder (str | Path, optional): Where files may be written.
    """
    kinds = set(map(type, file_handlers.values())) - ({JsonHandler} if data else set())
    doors = [(Config, 'fromstring'), (CheckpointLoader, 'load_checkpoint'),
             *((kind, 'load_from_fileobj') for kind in kinds)]
    # One build at a time: the second one would put back what the first one has replaced.
    with _LOCK, ExitStack() as stack:
        guard = stack.enter_context(closed_doors(folder))

        def replace(owner: Any, name: str, by: Callable[..., Any]) -> None:
            """Replace a function for this thread alone."""
            original = getattr(owner, name)
            stack.enter_context(patch.object(owner, name, lambda *args, **kwargs: (
                by if guard.watches() else original)(*args, **kwargs)))

        # Attributes of classes only: modules that are first imported inside may keep their imports.
        replace(Config, 'fromfile',
                _of_packages(Config.fromfile, guard) if data else _close('fromfile'))
        for owner, name in doors:
            replace(owner, name, _close(name))
        replace(mmengine_registry, 'get_object_from_string', lambda _: None)
        replace(mmengine_registry, 'import_module', _import)
        replace(Registry, 'get', _getter(Registry.get))
        yield


def _without_files(value: Any) -> Any:
    if isinstance(value, dict):
        _check_names(value)
        kind = ConfigDict if isinstance(value, ConfigDict) else dict
        return kind({key: _without_files(_entry(key, item)) for key, item in value.items()})
    if isinstance(value, (list, tuple)):
        items = map(_without_files, value)
        return tuple(items) if isinstance(value, tuple) else list(items)
    return value


def _check_names(settings: Mapping[Any, Any]) -> None:
    for key in ('type', '_scope_'):
        value = settings.get(key)
        if isinstance(value, str):
            scope = value.partition('.')[0] if key == 'type' and '.' in value else None
            _check_scope(key, value if key == '_scope_' else scope)
    if 'trust_remote_code' in settings:
        raise TicketError('the config has trust_remote_code, and a file may not ask for that')


def _entry(key: Any, value: Any) -> Any:
    """Return an entry of a config, None where it names a file; initializers lose those of files."""
    names_file = isinstance(value, str) and _FILES.search(str(key))
    if (names_file and key != 'type') or key == 'pretrained':
        return None
    backend = value.get('backend', 'local') if isinstance(value, dict) else 'local'
    if key in ('backend_args', 'file_client_args') and backend != 'local':
        raise TicketError(f'{key} has the backend {backend!r}, and only local files are read: '
                          'others import and contact what they name')
    if key == 'init_cfg':
        return [item for item in value if not _reads_file(item)] if isinstance(value, list) else (
            None if _reads_file(value) else value)
    return value


def _reads_file(initializer: Any) -> bool:
    return isinstance(initializer, dict) and 'checkpoint' in initializer


def _check_scope(key: str, scope: Any) -> None:
    if scope is None or scope in TOOLBOXES or scope in _imported_scopes():
        return
    raise TicketError(f'{key} = {scope!r} is no toolbox, and nothing that a file names is imported')


def _is_other(kind: str) -> bool:
    """Return whether a name is registered as something else than a part of a network.

    No name of the toolboxes is both. Those of parts are looked for first: the others would bring
    their modules along.
    """
    default = DefaultScope.get_current_instance()
    scope = None if default is None else default.scope_name
    module = importlib.import_module(f'{scope}.registry') if scope in TOOLBOXES else None
    # Registries of other roots than mmengine's hold parts of networks, too, e.g. mmpose's codecs.
    roots = [found for found in vars(sys.modules['mmengine.registry']).values()
             if isinstance(found, Registry)
             and found not in (MODELS, TASK_UTILS, WEIGHT_INITIALIZERS)]
    own = [found for found in vars(module).values() if isinstance(found, Registry)
           and _root(found) not in roots] if module is not None else []
    return not any(_of_scope(registry, scope).get(kind) for registry in (MODELS, *own)) and any(
        _of_scope(registry, scope).get(kind) for registry in _OTHERS)


def _of_scope(registry: Registry, scope: str | None) -> Registry:
    return registry.children.get(scope, registry)


def _root(registry: Registry) -> Registry:
    while registry.parent is not None:
        registry = registry.parent
    return registry


def _imported_scopes() -> Iterator[str]:
    """Yield scopes that have registered something already."""
    for registry in vars(sys.modules['mmengine.registry']).values():
        if isinstance(registry, Registry):
            yield from registry.children


def _import(name: str) -> Any:
    """Import the modules of the registries: they themselves name only their own packages."""
    if name in sys.modules or name.partition('.')[0] in TOOLBOXES:
        return importlib.import_module(name)
    raise ImportError(f'{name} is not imported')


def _getter(original: Callable[..., Any]) -> Callable[..., Any]:

    def get(self: Registry, key: str) -> Any:
        found = original(self, key)
        # Functions of toolboxes under names of classes fetch models from the network.
        if found is not None and not inspect.isclass(found) and \
                str(getattr(found, '__module__', '')).partition('.')[0] in TOOLBOXES:
            raise TicketError(f'{key} is no class')
        return found

    return get


def _of_packages(fromfile: Callable[..., Config], guard: Guard) -> Callable[..., Config]:
    """Let configs of the installed toolboxes be read: mmpose's data sets name theirs."""

    def read(filename: Any, *args: Any, **kwargs: Any) -> Any:
        place = Path(filename).resolve()
        files = [getattr(sys.modules.get(name), '__file__', None) for name in TOOLBOXES]
        if not any(Path(file).resolve().parent in place.parents for file in files if file):
            raise TicketError(f'it would run {place.name}, which is no file of a toolbox')
        guard.paused = True  # a config is a program, and is copied before it is run
        try:
            return fromfile(filename, *args, **kwargs)
        finally:
            guard.paused = False

    return read


def _close(name: str) -> Callable[..., None]:

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise TicketError(f'it would read a file that it names ({name})')

    return refuse
