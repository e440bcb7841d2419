"""The tiny street config in mmengine's lazy style: each ``type`` is a class, bases are imported."""
from mmengine.config import Config

from mmst.tickets.names import registries

#: Entries that go into the base file.
BASE = ('optim_wrapper', 'param_scheduler', 'default_hooks', 'train_cfg')


def write_lazy_config(path, plain_config):
    """Write the config and its base next to it; returns its path."""
    cfg = Config.fromfile(plain_config).to_dict()
    base = {key: cfg.pop(key) for key in BASE}
    (path.parent / f'{path.stem}_base.py').write_text(_source(base))
    inherits = ('from mmengine.config import read_base\n'
                f'with read_base():\n    from .{path.stem}_base import *\n')
    path.write_text(inherits + _source(cfg))
    return str(path)


def _source(settings):
    classes = {}
    body = [f'{key} = {_text(value, classes)}\n' for key, value in settings.items()]
    imports = [f'from {kind.__module__} import {kind.__qualname__} as {name}\n'
               for name, kind in classes.items()]
    return ''.join(imports + body)


def _text(value, classes):
    if isinstance(value, dict):
        items = [f'{key!r}: {_kind(item, classes) if key == "type" else _text(item, classes)}'
                 for key, item in value.items()]
        return f'{{{", ".join(items)}}}'
    if isinstance(value, list):
        return f'[{", ".join(_text(item, classes) for item in value)}]'
    if isinstance(value, tuple):
        return f'({"".join(_text(item, classes) + ", " for item in value)})'
    return repr(value)


def _kind(name, classes):
    """An identifier for the class of a registered name."""
    short = name.rpartition('.')[2]
    scopes = [name.rpartition('.')[0]] if '.' in name else ['mmseg', 'mmcv', 'mmengine']
    kind = next(value for scope in scopes for registry in registries() if registry.scope == scope
                for key, value in registry.module_dict.items() if key == short)
    alias = f'Lazy{short}'
    classes[alias] = kind
    return alias
