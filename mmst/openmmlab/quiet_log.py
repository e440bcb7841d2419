"""Holds the lines of loggers back, those of mmengine included."""
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from mmengine.logging import MMLogger

from .internals import forget_levels, named_instances


@contextmanager
def quiet_log(level: int) -> Iterator[None]:
    """Log nothing of ``level`` and below it inside the block."""
    before = logging.root.manager.disable
    _disable(max(level, before))
    try:
        yield
    finally:
        _disable(before)


def _disable(level: int) -> None:
    logging.disable(level)
    for logger in named_instances(MMLogger).values():
        forget_levels(logger)
