"""Shows a training's progress: a bar with the time left, its events and its scores.

All that the training prints goes to a file; the screen gets the few lines that a reader wants.
"""
import os
import re
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from ...engine.run.stop import call

_STEP = re.compile(r'Epoch\(train\)\s+\[(\d+)\]\[\s*(\d+)/(\d+)\]')
_EVENT = re.compile(r'epoch (\d+) of (\d+): (.+)')
_SCORE = re.compile(r'Epoch\(val\)\s+\[(\d+)\]')
_REACHED = re.compile(r'sparsity: reached ([\d.]+%)')


class Watcher:
    """Reads the lines of a training's log and shows its progress.

    Args:
        epochs (int): Of the whole training.
        metric (str): Name of the score that is shown.
        console (Console): Where it is shown. A terminal gets a bar; anything else gets a line
            every tenth of the way.
    """

    def __init__(self, epochs: int, metric: str, console: Console):
        self.epochs, self.console = epochs, console
        self._score = re.compile(re.escape(metric) + r': ([\d.]+)')
        self._event: str | None = None
        self._tenth = 0
        self.bar = Progress(TextColumn('{task.description}'), BarColumn(),
                            TextColumn('{task.percentage:3.0f}%'), TimeRemainingColumn(),
                            TextColumn('left'), console=console, disable=not console.is_terminal)
        self.task = self.bar.add_task('training', total=float(epochs))

    def read(self, line: str) -> None:
        """Take notice of one line of the log."""
        if step := _STEP.search(line):
            epoch, done, steps = map(int, step.groups())
            self._move(epoch - 1 + done / steps)
        elif event := _EVENT.search(line):
            self._event = f'epoch {event[1]:>3}: {event[3]}'
        elif self._event and (reached := _REACHED.search(line)):
            self._say(f'{self._event} ({reached[1]} of the weights are zero)')
            self._event = None
        elif (val := _SCORE.search(line)) and (score := self._score.search(line)):
            self._say(f'epoch {val[1]:>3}: evaluation, {score[0]}')

    def _move(self, epochs: float) -> None:
        self.bar.update(self.task, completed=epochs)
        tenth = int(10 * epochs / self.epochs)
        if tenth > self._tenth and not self.console.is_terminal:
            self._say(f'{10 * tenth}% of the training')
        self._tenth = max(self._tenth, tenth)

    def _say(self, text: str) -> None:
        self.bar.console.print(text, highlight=False, soft_wrap=True)


def run_watched(command: Sequence[str], log: Path, watcher: Watcher, **settings: Any) -> int:
    """Run a training, its output into a file, its progress onto the screen.

    SIGTERM and SIGINT are passed on to it. Errors of its own (standard error) are shown as they
    are.

    Args:
        command (Sequence[str]): The program and its arguments.
        log (Path): The file; it is added to.
        watcher (Watcher): Shows the progress.
        **settings: Of ``subprocess.Popen``.

    Returns:
        int: Its exit code.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    reading, writing = os.pipe()
    with log.open('a') as file, os.fdopen(reading, errors='replace') as lines:
        reader = threading.Thread(target=_copy, args=(lines, file, watcher), daemon=True)
        with watcher.bar:
            reader.start()
            try:
                return call(command, stdout=writing, **settings)
            finally:
                os.close(writing)
                reader.join(timeout=5)


def _copy(lines: Iterable[str], file: TextIO, watcher: Watcher) -> None:
    for line in lines:
        file.write(line)
        file.flush()
        watcher.read(line)
