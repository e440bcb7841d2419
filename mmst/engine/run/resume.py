"""Finds the checkpoint that a run goes on from."""
import logging
import re
from pathlib import Path

from mmengine.logging import print_log

from ...errors import TicketError
from ...files import read_text
from ...openmmlab.safe_checkpoints import safe_load
from ...tickets.digest import find_changed_part
from .work_dir import checkpoints, run_id

#: Checkpoints of runs that were asked to end: epochs and batches that are done.
STOPPED = 'epoch_{}_iter_{}.pth'
#: Bytes of a file that holds a path.
_LONGEST = 1 << 14
_NEEDED = ('meta', 'state_dict', 'message_hub', 'optimizer')


def find_checkpoint(work_dir: str | Path) -> str | None:
    """Return the last checkpoint of a work directory's run that is whole; None where there is none.

    The file ``last_checkpoint`` says which is the last. Where that one is missing or damaged the
    one before is taken, with a warning. Checkpoints that an earlier run has left are passed over.

    Raises:
        TicketError: There are checkpoints, and none of them can be read.
    """
    run = run_id(work_dir)
    problems: list[str] = []
    for path in _newest_first(Path(work_dir)):
        problem, writer = _examine(path)
        if problem is None and run and writer not in (None, run):
            continue
        if problem is None:
            for text in problems:
                print_log(f'{text} Resuming from {path} instead.', 'current', logging.WARNING)
            return str(path)
        problems.append(problem)
    if problems:
        raise TicketError(
            f'{problems[0]} There is no other checkpoint in {work_dir}. Remedy: start '
            'again in another --work-dir.')
    return None


def remove_outdated(work_dir: str | Path, kept: str | Path) -> None:
    """Remove earlier stops' checkpoints in a work directory, where ``kept`` replaces them."""
    pattern = re.compile(STOPPED.format(r'\d+', r'\d+'))
    for path in Path(work_dir).glob(STOPPED.format('*', '*')) if Path(kept).is_file() else ():
        if pattern.fullmatch(path.name) and path.name != Path(kept).name and not path.is_dir():
            path.unlink(missing_ok=True)


def _newest_first(work_dir: Path) -> list[Path]:
    """Return the named checkpoint, those before it from the newest on, then any later ones."""
    named = _named_file(work_dir)
    if named is None:
        return sorted(checkpoints(work_dir), key=_number, reverse=True)
    others = [path for path in checkpoints(named.parent) if path.name != named.name]
    before = [path for path in others if _number(path) < _number(named)]
    after = [path for path in others if _number(path) > _number(named)]
    return [named, *sorted(before, key=_number, reverse=True), *sorted(after, key=_number)]


def _named_file(work_dir: Path) -> Path | None:
    """Return the file that ``last_checkpoint`` names; in its folder, if the directory was moved."""
    try:
        text = read_text(work_dir / 'last_checkpoint', _LONGEST).strip()
        if not re.fullmatch(r'.*\d+\.pth', text):
            return None
        local, path = work_dir / Path(text).name, Path(text)
        return path if path.parent.is_dir() and not local.is_file() else local
    except (OSError, ValueError):
        return None


def _number(path: Path) -> tuple[int, int]:
    """Return epochs and iterations that a checkpoint has done, as far as its name tells."""
    found = re.fullmatch(r'(?:epoch_(\d+))?_?(?:iter_(\d+))?', path.stem)
    if found is None:
        return int((re.findall(r'\d+', path.stem) or [0])[-1]), 0
    return int(found.group(1) or 0), int(found.group(2) or 0)


def _examine(path: Path) -> tuple[str | None, str | None]:
    """Return the problem of a checkpoint, if any, and the run that wrote it."""
    if not path.is_file():
        return f'{path} is not there.', None
    try:
        content = safe_load(str(path), 'cpu')
    except TicketError as error:
        return str(error).partition(' Remedy:')[0], None
    except OSError as error:
        return f'{path} cannot be read ({error.strerror}).', None
    missing = [key for key in _NEEDED if not isinstance(content, dict) or key not in content]
    if missing:
        return f'{path} is no checkpoint of a run: it has no {missing[0]}.', None
    changed = find_changed_part(content)
    if changed:
        return f'{path} was changed after it was written: its {changed} is another.', None
    return None, content.get('mmst_run')
