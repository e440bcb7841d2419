"""Writes a generated data set once, whole or not at all, and knows when it is already there."""
import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ...data_in_use import MARKER, is_held
from ...errors import config_error
from ...files import cannot_write, parse_json, read_text
from ...optional import if_there
from ...settings.checks import check_choice, check_number, check_size
from .ade_scenes import write_ade20k
from .object_images import write_few_objects, write_imagenet
from .people import write_coco, write_quiet_people
from .quiet_places import write_quiet_places
from .quiet_streets import write_quiet_streets
from .street_boxes import write_cityscapes_boxes
from .street_scenes import write_cityscapes

fcntl = if_there('fcntl')  # locks

#: Raised when any drawing changes: folders of an older one are then made again.
VERSION = 2


@dataclass(frozen=True)
class Recipe:
    """Says how a data set is written, and how large it is by default.

    Args:
        write (Callable): ``write(root, size, train, val, seed)``.
        size (tuple[int, int]): Height and width of an image in pixels.
        train (int): Number of training images.
        val (int): Number of validation images.
    """
    write: Callable
    size: tuple[int, int]
    train: int
    val: int


DATASETS = dict(
    cityscapes=Recipe(write_cityscapes, (128, 256), 240, 60),
    cityscapes_boxes=Recipe(write_cityscapes_boxes, (128, 256), 240, 60),
    quiet_streets=Recipe(write_quiet_streets, (128, 256), 240, 60),
    ade20k=Recipe(write_ade20k, (128, 128), 240, 60),
    quiet_places=Recipe(write_quiet_places, (128, 128), 240, 60),
    imagenet=Recipe(write_imagenet, (96, 96), 600, 200),
    few_objects=Recipe(write_few_objects, (96, 96), 600, 240),
    coco=Recipe(write_coco, (240, 320), 200, 60),
    quiet_people=Recipe(write_quiet_people, (240, 320), 200, 60))


@dataclass(frozen=True)
class Generated:
    """Describes generated data: where they lie, its parameters, and whether it is new."""
    path: Path
    size: tuple[int, int]
    train: int
    val: int
    new: bool


def _parameters(dataset, size, train, val, seed):
    """Fill in the defaults and check them; returns the marker's content."""
    recipe = DATASETS[check_choice('dataset', dataset, DATASETS)]
    size = list(recipe.size if size is None else size)
    train = recipe.train if train is None else train
    val = recipe.val if val is None else val
    check_size('size', size, 'give height and width, each of 32 to 2048 pixels', 32, 2048)
    for name, count in (('train', train), ('val', val)):
        check_number(name, count, low=1, whole=True, remedy='give 1 or more')
    check_number('seed', seed, low=0, whole=True, remedy='give 0 or more')
    return dict(dataset=dataset, version=VERSION, size=size, train=train, val=val, seed=seed)


def _count(folder):
    return sum(len(files) for _, _, files in os.walk(folder))


def _is_there(folder, wanted):
    """Return whether a folder holds all of a data set made with the ``wanted`` parameters."""
    return _read_parameters(folder) == dict(wanted, files=_count(folder) - 1)


@contextlib.contextmanager
def _alone(folder):
    """Let one process at a time write in ``folder``; others wait."""
    handle = None
    if fcntl is not None:
        handle = os.open(folder, os.O_RDONLY)
        # some network file systems have no locks: writing is still whole or not at all there
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        yield
    finally:
        if handle is not None:
            os.close(handle)


def generate(dataset, out, size=None, train=None, val=None, seed=0, replace=False):
    """Write a generated data set in its real format.

    The files appear together: they are written in a folder next to ``out``, which is renamed at
    the end. A folder made with the same parameters is left as it is; one that lost files is made
    again. Files of an interrupted call are removed. Data that a run reads are not replaced.

    Args:
        dataset (str): A key of ``DATASETS``.
        out (str | Path): Folder to make.
        size (Sequence[int], optional): Height and width of the images in pixels.
        train (int, optional): Number of training images.
        val (int, optional): Number of validation images.
        seed (int): The same seed gives the same files. Defaults to 0.
        replace (bool): Whether data of other parameters make room: a run that was stopped could not
            go on with them. Defaults to False.

    Returns:
        Generated: Its place and contents.

    Raises:
        ConfigError: A parameter makes no sense; ``out`` holds somebody's own files, data of other
            parameters, or data that a run reads.
        TrainingError: There is no room for them; nothing is left of them.
    """
    wanted = _parameters(dataset, size, train, val, seed)
    out = Path(out).absolute()
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:  # e.g. "no such file" in /proc, which reads like a defect
        raise config_error('out', str(out), f'cannot be made ({error.strerror})',
                           'name another folder, or work in another one') from None
    with _alone(out.parent):
        new = not _is_there(out, wanted)
        if new:
            _check_replaceable(out, wanted, replace)
            _write(out, wanted)
    return Generated(out, tuple(wanted['size']), wanted['train'], wanted['val'], new)


def _check_replaceable(out, wanted, replace):
    """Refuse to replace data that somebody may need."""
    ours = out.is_dir() and (_is_ours(out) or not any(out.iterdir()))
    if out.exists() and not ours:
        raise config_error('out', str(out), 'holds files that were not generated',
                           'name a new or an empty folder')
    others = [f'{key} {value} (wanted: {wanted[key]})'
              for key, value in _read_parameters(out).items()
              if key in wanted and key != 'version' and value != wanted[key]]
    if others and not replace:
        raise config_error('out', str(out), f'holds data made with {", ".join(others)}',
                           'name another folder, or remove this one if no run needs it')
    if is_held(out):
        raise config_error('out', str(out), 'a run is at work on these data',
                           'wait for its end, or name another folder')


def _is_ours(folder):
    """Return whether a folder has a whole marker, and no files that were added since."""
    made = _read_parameters(folder)
    return made.get('dataset') in DATASETS and type(made.get('files')) is int and (
        _count(folder) - 1 <= made['files'])


def _read_parameters(folder):
    """Return the parameters of a generated data set; none where it does not tell."""
    try:
        found = parse_json(read_text(folder / MARKER))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(out, wanted):
    """Write all of a data set next to ``out`` and put it in its place."""
    for left in out.parent.glob(f'.{out.name}.*.partial'):
        shutil.rmtree(left)
    work = Path(tempfile.mkdtemp('.partial', f'.{out.name}.', out.parent))
    try:
        made = work / 'new'
        made.mkdir()
        DATASETS[wanted['dataset']].write(
            made, tuple(wanted['size']), wanted['train'], wanted['val'], wanted['seed'])
        marker = dict(wanted, files=_count(made))
        (made / MARKER).write_text(json.dumps(marker, indent=2) + '\n')
        if out.exists():
            out.rename(work / 'old')
        made.rename(out)
    except OSError as error:
        raise cannot_write(out, error) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
