"""Records in a work directory which run, and which config, it belongs to."""
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config

from ... import files
from ...settings.hooks import custom_hooks, default_hooks
from ...settings.kinds import kind_name
from ...tickets.plain_data import as_plain_data

RECORD = 'mmst_run.json'

#: Hooks whose settings may not change within a run: they have left their mark on the weights.
HOOKS = ('SearchHook', 'PruneHook', 'FixedMaskHook', 'RecalibrateHook', 'EMAHook')


def read_record(work_dir: Path) -> dict[str, Any] | None:
    """Return a run's record; None where there is none that is whole."""
    try:
        record = files.parse_json(files.read_text(work_dir / RECORD))
    except (OSError, ValueError):
        return None
    whole = isinstance(record, dict) and isinstance(record.get('config'), dict)
    return record if whole and isinstance(record.get('run'), str) else None


def write_record(work_dir: Path, record: dict[str, Any]) -> None:
    """Write a run's record, whole or not at all.

    Raises:
        TrainingError: It cannot be written.
    """
    files.write_bytes(work_dir / RECORD, json.dumps(record, indent=2).encode(), own=True)


def describe_config(cfg: Config) -> dict[str, Any]:
    """Return settings that must not change within a run: model, hooks, kind of optimizer."""
    custom = [(kind_name(hook), hook) for hook in custom_hooks(cfg)]
    optimizer = (cfg.get('optim_wrapper') or {}).get('optimizer') or {}
    described = dict(
        model=_without_init(cfg.get('model') or {}),
        default_hooks={name: dict(hook) for name, hook in default_hooks(cfg).items()
                       if _leaves_a_mark(hook)},
        custom_hooks={name: dict(hook) for name, hook in custom if _leaves_a_mark(hook)},
        optim_wrapper=dict(optimizer=dict(type=kind_name(optimizer))))
    return json.loads(json.dumps(as_plain_data(described), default=str))


def differences(before: Any, now: Any, key: str = '') -> Iterator[tuple[str, Any, Any]]:
    """Yield the key, former and present value of each setting that differs; None where there is
    none.
    """
    if isinstance(before, dict) and isinstance(now, dict):
        for name in sorted(before.keys() | now.keys()):
            yield from differences(before.get(name), now.get(name),
                                   f'{key}.{name}' if key else name)
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        if any(list(differences(*pair)) for pair in zip(before, now, strict=True)):
            yield key, before, now
    elif before != now and not _is_same_class(before, now):
        yield key, before, now


def _is_same_class(before: Any, now: Any) -> bool:
    """Return whether ``before``, "<class 'package.file.Class'>" of a former version, means ``now``.
    """
    return (isinstance(before, str) and before.startswith('<class ') and isinstance(now, str)
            and kind_name(dict(type=before)) == kind_name(dict(type=now)))


def _leaves_a_mark(hook: Any) -> bool:
    return isinstance(hook, Mapping) and kind_name(hook) in HOOKS


def _without_init(value: Any) -> Any:
    """Leave out the origin of weights: it does not matter to a run that goes on."""
    if isinstance(value, Mapping):
        return {key: _without_init(item) for key, item in value.items()
                if key not in ('init_cfg', 'pretrained')}
    return [_without_init(item) for item in value] if isinstance(value, (list, tuple)) else value
