"""Keeps a work directory to one run at a time, and to one config.

Two runs that write into one directory overwrite each other's checkpoints, and a run that goes on
under another config is neither of the two. A lock and a small record prevent both.
"""
import os
import uuid
from pathlib import Path
from typing import Any

from mmengine import dist
from mmengine.config import Config

from ...errors import MMSTError, TrainingError
from .run_record import describe_config, differences, read_record, write_record
from .work_dir_lock import lock


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
            lock(Path(work_dir))
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
    changed = list(differences(before['config'], describe_config(cfg))) if before else []
    if changed and checkpoints(work_dir):
        listed = '; '.join(f'{key} was {_short(old)} and is {_short(new)}'
                           for key, old, new in changed[:3])
        more = f'; and {len(changed) - 3} more' if len(changed) > 3 else ''
        raise TrainingError(
            f'work_dir = {str(work_dir)!r}: holds checkpoints of another config: {listed}{more}. '
            'Remedy: give another --work-dir, or the config that the run began with.')


def run_id(work_dir: str | Path) -> str | None:
    """Return the name of the run that a work directory belongs to; its checkpoints bear it too."""
    return (read_record(Path(work_dir)) or {}).get('run')


def checkpoints(work_dir: str | Path) -> list[Path]:
    """Return files that a run could go on from."""
    folder = Path(work_dir)
    return sorted([*folder.glob('epoch_*.pth'), *folder.glob('iter_*.pth')])


def _record(work_dir: Path, cfg: Config, resume: bool) -> None:
    if read_record(work_dir) is None or not resume:
        # Checkpoints that came without a record, say from another machine, are of any run.
        adopts = resume and checkpoints(work_dir)
        record = dict(run='' if adopts else uuid.uuid4().hex, config=describe_config(cfg))
        write_record(work_dir, record)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 60 else f'{text[:56]} ...'


def _rank() -> int:
    """Return the rank of this process, also before the processes are connected."""
    return dist.get_rank() if dist.is_distributed() else int(os.environ.get('RANK', 0))
