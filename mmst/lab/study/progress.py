"""Shows the progress of a study."""
import time
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from ...costs.table import SHOWN
from .jobs import Job


class Progress:
    """Shows a bar, a line for each run that ends, and the time that is left.

    Args:
        jobs (Sequence[Job]): The jobs to do.
        console (Console, optional): Where to; the terminal by default.
    """

    def __init__(self, jobs: Sequence[Job], console: Console | None = None):
        self.lengths = {job.key: job.length for job in jobs}
        self.done: dict[str, float] = {}
        self.begun: dict[str, float] = {}
        self.ended = 0
        self.console = console or Console(highlight=False, soft_wrap=True)
        self.bars = Bars(TextColumn('{task.description}'), BarColumn(), TimeElapsedColumn(),
                         TextColumn('{task.fields[left]}'), console=self.console)
        self.task = self.bars.add_task('', total=sum(self.lengths.values()) or 1, left='')
        self.start = time.monotonic()

    def __enter__(self) -> 'Progress':
        self.bars.start()
        return self

    def __exit__(self, *_) -> None:
        self.bars.stop()

    def note_start(self, job: Job) -> None:
        """Note that a run has begun, or goes on."""
        self.begun[job.key] = self.done.get(job.key, 0.)
        self._show()

    def note_epochs(self, job: Job, epochs: float) -> None:
        """Note a run's epochs in all; those before it was resumed cost nothing."""
        before = self.done.get(job.key)
        self.done[job.key] = min(epochs, self.lengths[job.key])
        if before in (None, 0.) and epochs > 1:
            self.begun[job.key] = self.done[job.key]
        self._show()

    def note_end(self, job: Job, record: Mapping[str, Any]) -> None:
        """Note that a run has ended well."""
        self._count(job)
        metrics = record['metrics']
        shown = ', '.join(f'{name} {metrics[name]:.2f}' for name in SHOWN if name in metrics)
        spent = f', {record["seconds"]:.0f} s' if record.get('seconds') is not None else ''
        self._say(f'{job.key}: {shown or "done"}{spent}')

    def note_failure(self, job: Job, reason: str) -> None:
        """Note that a run has failed, or cannot begin."""
        self._count(job)
        self._say(f'{job.key}: FAILED: {reason}')

    def _count(self, job: Job) -> None:
        self.ended += 1
        self.done[job.key] = self.lengths[job.key]

    def _say(self, text: str) -> None:
        self._show()
        text = f'[{self.ended}/{len(self.lengths)}] {text}; {self.time_left()}'
        self.console.print(text, markup=False)

    def _show(self) -> None:
        running = [k for k in self.begun if self.done.get(k, 0.) < self.lengths[k]]
        names = escape(', '.join(running[:3])) or 'done'
        self.bars.update(self.task, completed=sum(self.done.values()), left=self.time_left(),
                         description=f'{self.ended}/{len(self.lengths)} {names}')

    def time_left(self) -> str:
        """Return the time that is left, at the speed so far."""
        seconds = remaining(sum(self.lengths.values()), sum(self.done.values()),
                            sum(self.begun.values()), time.monotonic() - self.start)
        return '' if seconds is None else f'ETA {duration(seconds)}'


def remaining(total: float, done: float, given: float, spent: float) -> float | None:
    """Return seconds that ``total`` still takes; ``given`` of the ``done`` ones took no time.

    None as long as nothing was done.
    """
    worked = done - given
    return None if worked <= 0 else spent * max(total - done, 0.) / worked


def duration(seconds: float) -> str:
    """Return ``'1:05:00'``."""
    whole = round(seconds)
    return f'{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}'
