"""Shows progress while something takes long."""
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def waiting(task: str, every: float = 15.,
            progress: Callable[[], str] = lambda: '') -> Iterator[None]:
    """Print a line about a long task, and from time to time how long it has taken.

    Args:
        task (str): Its description, for the line.
        every (float): Seconds between two lines. Defaults to 15.
        progress (Callable): Says how far it is.
    """
    out, begin, done = sys.stdout, time.monotonic(), threading.Event()

    def report() -> None:
        while not done.wait(every):
            line = f'... {time.monotonic() - begin:.0f} s {progress()}'.rstrip()
            print(line, file=out, flush=True)

    print(task, file=out, flush=True)
    printer = threading.Thread(target=report, daemon=True)
    printer.start()
    try:
        yield
    finally:
        done.set()
        printer.join()
