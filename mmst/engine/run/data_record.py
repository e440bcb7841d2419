"""Records the data that a run trains on: a run that goes on must see the same."""
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from mmengine import dist
from mmengine.runner import Runner

from ...data_in_use import data_roots, find_marker
from ...errors import MMSTError, TrainingError
from ...files import read_text
from ...openmmlab.internals import is_resumed
from ...tickets.plain_data import as_plain_data
from .run_record import read_record, write_record

#: Samples whose names count, and files whose sizes do.
NAMES, SIZES = 1000, 100
KEY = 'data'


def check_same_data(runner: Runner) -> None:
    """Note the training data in the run's record; refuse to go on with others.

    Other data set settings are the user's own choice: the record is updated. All ranks must call
    this.

    Raises:
        TrainingError: The settings are the same, and the data are not; on all ranks.
    """
    problem: list[MMSTError | None] = [None]
    if dist.is_main_process():
        try:
            _check(runner)
        except MMSTError as error:
            problem = [error]
    dist.broadcast_object_list(problem)
    if problem[0] is not None:
        raise problem[0]


def _check(runner: Runner) -> None:
    record = read_record(Path(runner.work_dir))
    if record is None:
        return
    before, now = record.get(KEY), describe_data(runner)
    if (is_resumed(runner) and isinstance(before, Mapping) and before != now
            and before.get('settings') == now['settings']):
        counts = f'{before.get("samples")} training samples, and now {now["samples"]}'
        same = before.get('samples') == now['samples']
        raise TrainingError(
            f'train_dataloader.dataset: the data are not those that the run began with '
            f'({"as many, of other names, sizes or making" if same else counts}). Remedy: restore '
            'them, or start again in another --work-dir.')
    if before != now:
        write_record(Path(runner.work_dir), dict(record, **{KEY: now}))


def describe_data(runner: Runner) -> dict[str, Any]:
    """Return settings of the data set, number of samples, and a digest of names and sizes.

    Names count as seen from ``data_root``, so that data may move.
    """
    cfg, dataset = runner.cfg.get('train_dataloader') or {}, runner.train_dataloader.dataset
    settings = cfg.get('dataset') if isinstance(cfg, Mapping) else None
    described = json.dumps(as_plain_data(_without_roots(settings)), sort_keys=True, default=str)
    found = hashlib.sha256()
    for word in (*_names(dataset), *_markers(settings)):
        found.update(word.encode(errors='replace'))
    return dict(settings=hashlib.sha256(described.encode()).hexdigest()[:16], samples=len(dataset),
                digest=found.hexdigest()[:16])


def _names(dataset: Any) -> Iterator[str]:
    """Return names of samples, evenly spaced; of some of them the sizes of the files."""
    if not hasattr(dataset, 'get_data_info') or not len(dataset):
        return
    count = len(dataset)
    root = os.path.abspath(getattr(dataset, 'data_root', None) or os.curdir)
    chosen = np.unique(np.linspace(0, count - 1, min(count, NAMES)).round().astype(int))
    sized = {*chosen[::max(1, len(chosen) // SIZES)].tolist()}
    for index in chosen.tolist():
        info = dataset.get_data_info(index)
        for key in ('img_path', 'seg_map_path', 'gt_label', 'img_id', 'id'):
            value = info.get(key)
            if isinstance(value, (str, int)):
                local = value if isinstance(value, str) and '://' not in value else ''
                yield f'{key}={os.path.relpath(local, root) if local else value}'
                if local and index in sized:
                    with suppress(OSError):
                        yield str(os.path.getsize(value))


def _markers(settings: Any) -> Iterator[str]:
    """Return the parameters of generated data."""
    for marker in map(find_marker, data_roots(settings)):
        if marker is not None:
            with suppress(OSError, ValueError):
                yield read_text(marker)


def _without_roots(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_roots(item) for key, item in value.items()
                if key not in ('data_root', 'pipeline')}
    return [_without_roots(item) for item in value] if isinstance(value, (list, tuple)) else value
