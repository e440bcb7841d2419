"""Ends runs at the wish of others: by SIGTERM and SIGINT (Ctrl-C).

The first signal is noted only, so that the run can end where it loses nothing; a second one ends
the process at once, by the system's own means, even where it hangs.
"""
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing import active_children
from multiprocessing.util import register_after_fork
from types import FrameType
from typing import Any

#: Signals that ask a run to end. A shell sees 128 + their number as exit status.
SIGNALS = (signal.SIGTERM, signal.SIGINT)
#: Seconds in which one request may reach a process twice: a terminal sends it to the launcher and
#: to the processes, and the launcher passes it on.
ECHO = 2.
#: The variable that torch's launcher sets for the processes that it starts.
LAUNCHED = 'TORCHELASTIC_RUN_ID'
_PR_SET_PDEATHSIG = 1
# Loaded here: after a fork nothing that takes locks may be called.
_LIBC = ctypes.CDLL(None) if sys.platform.startswith('linux') else None


class Stopped(SystemExit):
    """Says that a process ends because a signal asked it to.

    As a ``SystemExit`` it ends any script with the usual status and without a traceback.

    Args:
        number (int): The signal.
        reported (bool): Whether the user has seen a message. Defaults to False.
    """

    def __init__(self, number: int, reported: bool = False):
        super().__init__(128 + number)
        self.number, self.reported = number, reported
        self.name = signal.Signals(number).name


class StopSignals:
    """Notes SIGTERM and SIGINT rather than obeying them, in the main thread.

    Processes of multiprocessing that are forked meanwhile, such as data loading workers, ignore
    signals to their whole group, and end with this one. Handlers that were there before are put
    back at the end.

    Attributes:
        asked (int, optional): The signal that has come.
        raised (int, optional): The signal for which :class:`Stopped` was raised. Code of others may
            catch it, or raise something else instead; the end of the context, and :meth:`defer`,
            make up for that.
        deferring (bool): False: nothing would be lost, so that a signal raises :class:`Stopped`.
        active (bool): Whether the context is entered.
    """

    def __init__(self) -> None:
        self.asked: int | None = None
        self.raised: int | None = None
        self.deferring = False
        self.active = False
        self._before: dict[int, Any] = {}
        self._moment = 0.
        self._report = sys.unraisablehook
        register_after_fork(self, StopSignals._guard_child)

    def __enter__(self) -> 'StopSignals':
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in SIGNALS}
            self.active, self.raised = True, None
            if LAUNCHED in os.environ:  # torchrun gives its processes sessions of their own
                die_with_parent()
            self._report, sys.unraisablehook = sys.unraisablehook, self._report_others
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 *_: Any) -> None:
        stopped = kind is not None and issubclass(kind, Stopped)
        if stopped or (kind is not None and self.raised is not None):
            for child in active_children():  # they would be waited for, some seconds each
                child.terminate()
        for number, handler in self._before.items():
            # None: it was not set from Python, and cannot be put back from there.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        if self.active:
            sys.unraisablehook = self._report
        self._before, self.active = {}, False
        if kind is not None and not stopped and self.raised is not None:
            raise Stopped(self.raised) from error

    def obey(self) -> None:
        """End here if a signal has come: others may have caught its exception."""
        if self.raised is not None:
            raise Stopped(self.raised)

    def defer(self) -> None:
        """Note signals alone from now on; so is one that was raised, but caught on its way."""
        self.deferring = True
        if self.raised is not None and self.asked is None:
            self.asked, self._moment = self.raised, time.monotonic()

    def _report_others(self, lost: Any) -> None:
        """Say nothing of a signal that came in a destructor: it is obeyed a little later."""
        if not isinstance(lost.exc_value, Stopped):
            self._report(lost)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.asked is not None:
            if time.monotonic() - self._moment > ECHO:
                signal.signal(number, signal.SIG_DFL)
                os.kill(os.getpid(), number)
            return
        if not self.deferring:
            self.raised = number
            raise Stopped(number)
        self.asked, self._moment = number, time.monotonic()
        if LAUNCHED not in os.environ:
            for other in SIGNALS:
                signal.signal(other, signal.SIG_DFL)

    def _guard_child(self) -> None:
        """Let only its parent end a process that was just forked.

        torch lets a worker die of a SIGTERM that the whole group was sent (by ``timeout``, by a
        scheduler); the run would then fail in the middle of its step.
        """
        if not self.active:
            return
        die_with_parent()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if hasattr(signal, 'sigwaitinfo'):
            # Blocked rather than ignored: torch installs a handler of its own later on.
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
            threading.Thread(target=_obey_parent, daemon=True).start()


def call(command: Sequence[str], **settings: Any) -> int:
    """Run a command, pass SIGTERM and SIGINT on to it, once each, and wait for its end.

    Args:
        command (Sequence[str]): The program and its arguments.
        **settings: Of ``subprocess.Popen``.

    Returns:
        int: Its exit code.

    Raises:
        Stopped: A second signal has come; the command was killed.
    """
    with StopSignals():
        # A session of its own: a terminal's Ctrl-C would reach it twice.
        process = subprocess.Popen(command, start_new_session=True, preexec_fn=die_with_parent,
                                   **settings)
        try:
            try:
                return process.wait()
            except Stopped as stopped:
                process.send_signal(stopped.number)
                return process.wait()
        finally:
            process.kill()  # does nothing where it has ended


def die_with_parent() -> None:
    """Have this process killed when the thread that started it ends (Linux only)."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _obey_parent() -> None:
    while True:
        with suppress(InterruptedError):
            if signal.sigwaitinfo({signal.SIGTERM}).si_pid == os.getppid():
                os._exit(0)
