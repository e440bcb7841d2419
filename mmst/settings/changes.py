"""Returns changed copies of configs: no function of this package changes one that it is given."""
import copy
import os.path as osp
from collections.abc import Callable, Mapping
from typing import Any

from mmengine.config import Config

from .checks import as_number
from .hooks import RUNNER_HOOKS, custom_hooks, default_hooks, hook_settings
from .kinds import kind_name
from .parts import leaves


def change(cfg: Config, **settings: Any) -> Config:
    """Return the config with other settings at its top.

    Args:
        cfg (Config): Any config.
        **settings: Keys and values; a value replaces the former one as a whole.
    """
    cfg = copy.deepcopy(cfg)
    for key, value in settings.items():
        cfg[key] = value
    return cfg


def change_part(cfg: Config, part: str, **settings: Any) -> Config:
    """Return the config with other settings in one of its parts.

    Args:
        cfg (Config): Any config.
        part (str): Key of the part, e.g. ``'optim_wrapper'``; it is added where there is none.
        **settings: Keys and values in the part.
    """
    cfg = copy.deepcopy(cfg)
    if cfg.get(part) is None:
        cfg[part] = {}
    for key, value in settings.items():
        cfg[part][key] = value
    return cfg


def with_defaults(cfg: Config, part: str, **defaults: Any) -> Config:
    """Return the config with settings of a part that it leaves open."""
    return change_part(cfg, part, **{key: value for key, value in defaults.items()
                                      if key not in cfg[part]})


def without(cfg: Config, key: str) -> Config:
    """Return the config without a setting at its top."""
    cfg = copy.deepcopy(cfg)
    cfg.pop(key, None)
    return cfg


def with_options(cfg: Config, options: Mapping[str, Any]) -> Config:
    """Return the config with settings that are named by dotted keys, as ``--cfg-options`` does.

    Raises:
        KeyError, TypeError, IndexError, AttributeError, AssertionError: The config has no place
            for one of them.
    """
    cfg = copy.deepcopy(cfg)
    cfg.merge_from_dict(dict(options))
    return cfg


def without_hooks(cfg: Config, unwanted: Callable[[Any], bool]) -> Config:
    """Return the config without some of its hooks.

    Args:
        cfg (Config): Of a run.
        unwanted (Callable): ``unwanted(settings)`` is true of hooks that are to go.
    """
    cfg = copy.deepcopy(cfg)
    for name, hook in default_hooks(cfg).items():
        if unwanted(hook):
            del cfg.default_hooks[name]
    cfg.custom_hooks = [hook for hook in custom_hooks(cfg) if not unwanted(hook)]
    return cfg


def without_switched_off(cfg: Config) -> Config:
    """Return the config without hooks that are None: mmengine does so for its own hooks only."""
    cfg = copy.deepcopy(cfg)
    for name, hook in default_hooks(cfg).items():
        if hook is None and name not in RUNNER_HOOKS:
            del cfg.default_hooks[name]
    return cfg


def with_hook_settings(cfg: Config, name: str, **settings: Any) -> Config:
    """Return the config with other settings of its hook of a class name, if it has such a hook."""
    cfg = copy.deepcopy(cfg)
    hook = hook_settings(cfg, name)
    if hook is not None:
        hook.update(settings)
    return cfg


def with_run_length(cfg: Config, length: int, unit: str, fresh: bool) -> Config:
    """Return the config of a run of another length.

    Args:
        cfg (Config): Of a run.
        length (int): In ``unit``.
        unit (str): As :func:`~mmst.settings.length.run_length` gives it.
        fresh (bool): Whether the run is new: evaluations that would come after its end are
            moved to it then.
    """
    late = [key for key in ('val_interval', 'val_begin') if cfg.train_cfg.get(key, 0) > length]
    keys = ['max_epochs' if unit == 'epochs' else 'max_iters', *(late if fresh else ())]
    return change_part(cfg, 'train_cfg', **dict.fromkeys(keys, length))


def with_scaled_peaks(cfg: Config, ratio: float) -> Config:
    """Return the config with the peaks of its one-cycle schedules times ``ratio``."""
    cfg = copy.deepcopy(cfg)
    schedulers = cfg.get('param_scheduler') or []
    for scheduler in schedulers if isinstance(schedulers, list) else [schedulers]:
        peak = scheduler.get('eta_max') if isinstance(scheduler, dict) else None
        peaks = list(peak) if isinstance(peak, (list, tuple)) else [peak]
        numbers = [number for number in map(as_number, peaks) if number is not None]
        # What is no number stays, for the checks to name.
        if 'OneCycle' in kind_name(scheduler) and len(numbers) == len(peaks):
            scaled = [number * ratio for number in numbers]
            scheduler['eta_max'] = scaled if isinstance(peak, (list, tuple)) else scaled[0]
    return cfg


def with_metrics_in(cfg: Config, folder: str) -> Config:
    """Return the config whose validation metrics write their files (``out...``) into a folder."""
    cfg = copy.deepcopy(cfg)
    parts = [part for key, part in leaves(cfg)
             if key.startswith('val_evaluator') and isinstance(part, dict)]
    for part in parts:
        part.update({name: osp.join(folder, osp.basename(path)) for name, path in part.items()
                     if name.startswith('out') and isinstance(path, str)})
    return cfg
