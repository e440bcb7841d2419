"""Shows progress while something takes long."""
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def waiting(task: str, every: float = 15.) -> Iterator[None]:
    """Print a line about a long task, and from time to time how long it has taken."""
    out, begin, done = sys.stdout, time.monotonic(), threading.Event()

    def tell() -> None:
        while not done.wait(every):
            print(f'... {time.monotonic() - begin:.0f} s', file=out, flush=True)

    print(task, file=out, flush=True)
    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        done.set()
        teller.join()
