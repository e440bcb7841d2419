"""Runs a tool in a process that does not outlive this one."""
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from ...engine.run.stop import die_with_parent

_EPOCH = re.compile(r'Epoch\(train\) +\[(\d+)\]\[ *(\d+)/(\d+)\]')
LOG = 'study.log'
#: Seconds that a run may take to end: a step and a checkpoint.
PATIENCE = 60


class Process:
    """Is a call of a tool; its output goes to ``FOLDER/study.log``.

    Args:
        words (List[str]): The tool and its arguments.
        folder (Path): Made where it is missing.
        environment (Mapping): Changes to this process's.
    """

    def __init__(self, words: list[str], folder: Path, environment: Mapping[str, str]):
        self.words, self.log = words, folder / LOG
        folder.mkdir(parents=True, exist_ok=True)
        self._file: IO[bytes] = open(self.log, 'ab')  # noqa: SIM115
        self._begin, self.started = self._file.tell(), time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, '-W', 'ignore', *words],
            stdout=self._file,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env={
                **os.environ,
                **environment
            },
            # A terminal's Ctrl-C reaches the study alone, which passes it on. A study that is
            # killed must not leave a run behind that holds its work directory.
            preexec_fn=die_with_parent,
            start_new_session=True)

    def poll(self) -> int | None:
        """Return the exit code, None while it runs."""
        return self._process.poll()

    def seconds(self) -> float:
        """Return the time since its start."""
        return time.monotonic() - self.started

    def epochs(self) -> float:
        """Return epochs that it has trained, as far as its log tells."""
        found = _EPOCH.findall(self._tail(20_000))
        if not found:
            return 0.
        epoch, done, of = map(int, found[-1])
        return epoch - 1 + done / max(of, 1)

    def last_line(self) -> str:
        """Return the last line of this call's output that says something."""
        lines = [line.strip() for line in self._tail(4000).splitlines() if line.strip()]
        return lines[-1] if lines else 'no output'

    def ask_to_stop(self) -> None:
        """Let it end at its next step, with a checkpoint."""
        if self._process.poll() is None:
            self._process.terminate()

    def stop(self) -> None:
        """Wait until it has ended after :meth:`ask_to_stop`, and kill it if it takes too long."""
        if self._process.poll() is None:
            try:
                self._process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._file.close()

    def _tail(self, size: int) -> str:
        with open(self.log, 'rb') as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(self._begin, end - size))
            return file.read().decode(errors='replace')
