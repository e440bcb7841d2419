"""Checks the parts of a config that training never builds: those of a test."""
import re
from collections.abc import Mapping
from typing import Any

from mmengine import registry
from mmengine.config import Config

from ..errors import config_error
from .checks import suggestion
from .parts import leaves
from .resolve import other_name, resolve, toolbox_registry
from .words import arguments

#: Parts of a config, their registry, and the class that no name stands for.
_PARTS = (
    (r'test_cfg', registry.LOOPS, 'TestLoop'),
    (r'test_evaluator(\[\d+\]|\.metrics(\[\d+\])?)?', registry.METRICS, 'Evaluator'),
    (r'test_dataloader\.sampler', registry.DATA_SAMPLERS, None),
    (r'test_dataloader(\.dataset)+', registry.DATASETS, None),
    (r'test_dataloader(\.dataset)+\.pipeline\[\d+\]', registry.TRANSFORMS, None))


def check_test_settings(cfg: Config) -> None:
    """Refuse settings from which no test after the run could be built, as far as signatures show.

    Raises:
        ConfigError: Naming a class that is not registered, or an argument that it does not take.
    """
    for key, part in leaves(cfg):
        for pattern, tree, usual in _PARTS if isinstance(part, dict) else ():
            if not re.fullmatch(pattern, key):
                continue
            if 'metrics' in part:
                tree = registry.EVALUATOR
            name = part.get('type', usual)
            if isinstance(name, str) and resolve(tree, name) is None:
                with toolbox_registry(tree) as found:
                    raise config_error(f'{key}.type', name, f'no {tree.name} of this name',
                                       other_name(name, found))
            _check_arguments(key, part, resolve(tree, name))


def _check_arguments(key: str, part: Mapping[str, Any], taker: object) -> None:
    """Refuse settings that are no arguments of the class that they are for."""
    known, any_name = arguments(taker) if callable(taker) else ([], True)
    for name in () if any_name else set(part) - {'type', '_scope_', *known}:
        advice = suggestion(name, ['type', *known]) or f'use one of {", ".join(known)}'
        raise config_error(f'{key}.{name}', part[name], 'nothing reads it', advice)
