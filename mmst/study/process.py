"""A tool in a process that does not outlive this one."""
import ctypes
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, List, Mapping, Optional

_PR_SET_PDEATHSIG = 1
# Loaded here: after a fork nothing that takes locks may be called.
_LIBC = ctypes.CDLL(None) if sys.platform.startswith('linux') else None
_EPOCH = re.compile(r'Epoch\(train\) +\[(\d+)\]\[ *(\d+)/(\d+)\]')
LOG = 'study.log'


class Process:
    """A call of a tool; its output goes to ``FOLDER/study.log``.

    Args:
        words (List[str]): The tool and its arguments.
        folder (Path): Made where it is missing.
        environment (Mapping): Changes to this process's.
    """

    def __init__(self, words: List[str], folder: Path, environment: Mapping[str, str]):
        self.words, self.log = words, folder / LOG
        folder.mkdir(parents=True, exist_ok=True)
        self._file: IO[bytes] = open(self.log, 'ab')
        self._begin, self.started = self._file.tell(), time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, '-W', 'ignore', *words], stdout=self._file, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL, env={**os.environ, **environment},
            preexec_fn=_die_with_parent)

    def poll(self) -> Optional[int]:
        """Exit code, None while it runs."""
        return self._process.poll()

    def seconds(self) -> float:
        """Time since its start."""
        return time.monotonic() - self.started

    def epochs(self) -> float:
        """Epochs that it has trained, as far as its log tells."""
        found = _EPOCH.findall(self._tail(20_000))
        if not found:
            return 0.
        epoch, done, of = map(int, found[-1])
        return epoch - 1 + done / max(of, 1)

    def last_line(self) -> str:
        """Last line of this call's output that says something."""
        lines = [line.strip() for line in self._tail(4000).splitlines() if line.strip()]
        return lines[-1] if lines else 'no output'

    def stop(self) -> None:
        """End it; what it has saved stays."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._file.close()

    def _tail(self, size: int) -> str:
        with open(self.log, 'rb') as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(self._begin, end - size))
            return file.read().decode(errors='replace')


def _die_with_parent() -> None:
    """A study that is killed must not leave a run behind that holds its work directory."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
