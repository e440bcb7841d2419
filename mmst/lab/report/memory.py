"""Bounds the memory of work on files that may come from anybody."""
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...optional import if_there


@contextmanager
def more_memory(bound: int) -> Iterator[None]:
    """Let this process take so many bytes more inside the block, and not all of the machine's.

    A work directory's own transforms may ask for images of any size. Does nothing where the system
    knows no bound.
    """
    resource, used = if_there('resource'), Path('/proc/self/statm')
    if resource is None or not used.is_file():
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = int(used.read_text().split()[0]) * resource.getpagesize() + bound
    known = [limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_AS, (min([wanted, *known]), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
