"""A work directory belongs to one run at a time, and to one config.

Two runs that write into one directory overwrite each other's checkpoints, and a run that goes on
under another config is neither of the two. A lock and a small record prevent both.
"""
import json
import os
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mmengine import dist
from mmengine.config import Config

from ... import files
from ...errors import MMSTError, TrainingError, config_error
from ...settings.hooks import custom_hooks, default_hooks
from ...settings.kinds import kind_name
from ...tickets.plain_data import as_plain_data

RECORD, LOCK = 'mmst_run.json', '.mmst_lock'

#: Hooks whose settings may not change within a run: they have left their mark on the weights.
HOOKS = ('SearchHook', 'PruneHook', 'FixedMaskHook', 'RecalibrateHook', 'EMAHook')

_held: dict[str, int] = {}


def claim(work_dir: str | Path, cfg: Config, resume: bool) -> None:
    """Take a work directory for this process, before anything is written into it.

    The first process decides for all. The lock ends with the process, however that ends.

    Args:
        work_dir (str | Path): It is made where it is missing.
        cfg (Config): The run's config.
        resume (bool): Whether the run is to go on rather than to start.

    Raises:
        TrainingError: Another run is at work there, or it holds checkpoints of another config.
    """
    problem: list[MMSTError | None] = [None]
    if _rank() == 0:
        try:
            _lock(Path(work_dir))
            check(work_dir, cfg)
            _record(Path(work_dir), cfg, resume)
        except MMSTError as error:
            problem = [error]
    dist.broadcast_object_list(problem)
    if problem[0] is not None:
        raise problem[0]


def check(work_dir: str | Path, cfg: Config) -> None:
    """Refuse a directory that holds checkpoints of another config; nothing is written.

    Raises:
        TrainingError: Naming the difference.
    """
    before = read_record(Path(work_dir))
    changed = list(differences(before['config'], describe(cfg))) if before else []
    if changed and checkpoints(work_dir):
        listed = '; '.join(f'{key} was {_short(old)} and is {_short(new)}'
                           for key, old, new in changed[:3])
        more = f'; and {len(changed) - 3} more' if len(changed) > 3 else ''
        raise TrainingError(
            f'work_dir = {str(work_dir)!r}: holds checkpoints of another config: {listed}{more}. '
            'Remedy: give another --work-dir, or the config that the run began with.')


def release(work_dir: str | Path) -> None:
    """Let others have it. A process that ends releases by itself."""
    held = _held.pop(_key(work_dir), None)
    if held is not None:
        os.close(held)


def run_id(work_dir: str | Path) -> str | None:
    """Name of the run that a work directory belongs to; its checkpoints bear it too."""
    return (read_record(Path(work_dir)) or {}).get('run')


def checkpoints(work_dir: str | Path) -> list[Path]:
    """Return files that a run could go on from."""
    folder = Path(work_dir)
    return sorted([*folder.glob('epoch_*.pth'), *folder.glob('iter_*.pth')])


# -------------------------------------------------------------------------------------- record


def describe(cfg: Config) -> dict[str, Any]:
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


def _record(work_dir: Path, cfg: Config, resume: bool) -> None:
    if read_record(work_dir) is None or not resume:
        # Checkpoints that came without a record, say from another machine, are of any run.
        adopts = resume and checkpoints(work_dir)
        record = dict(run='' if adopts else uuid.uuid4().hex, config=describe(cfg))
        write_record(work_dir, record)


def write_record(work_dir: Path, record: dict[str, Any]) -> None:
    """Write a run's record, whole or not at all.

    Raises:
        TrainingError: It cannot be written.
    """
    files.write_bytes(work_dir / RECORD, json.dumps(record, indent=2).encode(), own=True)


def read_record(work_dir: Path) -> dict[str, Any] | None:
    """Return a run's record; None where there is none that is whole."""
    try:
        record = files.parse_json(files.read_text(work_dir / RECORD))
    except (OSError, ValueError):
        return None
    whole = isinstance(record, dict) and isinstance(record.get('config'), dict)
    return record if whole and isinstance(record.get('run'), str) else None


def _leaves_a_mark(hook: Any) -> bool:
    return isinstance(hook, Mapping) and kind_name(hook) in HOOKS


def _without_init(value: Any) -> Any:
    """Where weights come from does not matter to a run that goes on."""
    if isinstance(value, Mapping):
        return {key: _without_init(item) for key, item in value.items()
                if key not in ('init_cfg', 'pretrained')}
    return [_without_init(item) for item in value] if isinstance(value, (list, tuple)) else value


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 60 else f'{text[:56]} ...'


# ---------------------------------------------------------------------------------------- lock


def _lock(work_dir: Path) -> None:
    """Lock the directory and remove files that killed runs have left half written."""
    if _key(work_dir) in _held:
        return
    try:
        work_dir.mkdir(parents=True, exist_ok=True)
        descriptor = files.open_own(work_dir / LOCK, os.O_RDWR | os.O_CREAT)
    except OSError as error:
        raise files.cannot_write(work_dir / LOCK, error) from error
    if not _lock_file(descriptor):
        owner = os.read(descriptor, 100).decode(errors='replace').strip()
        os.close(descriptor)
        raise TrainingError(
            f'work_dir = {str(work_dir)!r}: another run ({owner}) is at work there. '
            'Remedy: wait for its end, or give another --work-dir.')
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f'process {os.getpid()}'.encode())
    _held[_key(work_dir)] = descriptor
    _refuse_links(work_dir)
    for folder in (work_dir, work_dir / 'tickets'):
        files.remove_leftovers(folder)


def _refuse_links(work_dir: Path) -> None:
    """Refuse links that lead out of the directory: what they name would be written over.

    Checkpoints may be links: they are read, and new ones take their places.
    """
    root = os.path.realpath(work_dir)
    for folder, folders, names in os.walk(work_dir):
        for path in (os.path.join(folder, name) for name in (*folders, *names)):
            within = os.path.join(os.path.realpath(path), '').startswith(os.path.join(root, ''))
            if os.path.islink(path) and not within and not path.endswith('.pth'):
                release(work_dir)
                raise TrainingError(
                    f'work_dir = {str(work_dir)!r}: {os.path.relpath(path, work_dir)} is a link to '
                    f'{os.path.realpath(path)}, and the run would write there. Remedy: remove the '
                    'link, or give another --work-dir.')


def _lock_file(descriptor: int) -> bool:
    """Whether the lock could be had; always where the system has no such locks."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        # Not flock: data loading workers would inherit that, and hold it for some seconds after
        # the run that started them was killed.
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _key(work_dir: str | Path) -> str:
    return os.path.realpath(work_dir)


def _rank() -> int:
    """Rank of this process, also before the processes are connected."""
    return dist.get_rank() if dist.is_distributed() else int(os.environ.get('RANK', 0))


def check_writable(work_dir: str) -> None:
    """Refuse a work directory in which no file can be written.

    Raises:
        ConfigError: With the system's reason.
    """
    try:
        os.makedirs(work_dir, exist_ok=True)
        with tempfile.TemporaryFile(dir=work_dir):
            pass
    except OSError as error:
        raise config_error('work_dir', work_dir, f'cannot be written ({error.strerror})',
                           'give another --work-dir') from error


def check_can_be_made(key: str, folder: str) -> None:
    """Refuse a folder that cannot be written, or made; nothing is made yet.

    Raises:
        ConfigError: With the system's reason.
    """
    there = os.path.abspath(os.path.expanduser(folder))
    while not os.path.exists(there):
        there = os.path.dirname(there)
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise config_error(key, folder, f'cannot be written ({error.strerror}: {there})',
                           'give another folder') from error
