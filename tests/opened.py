"""How often a file is opened, by whichever code: the kernel tells (inotify, Linux only)."""
import ctypes
import os
import struct
import sys
from contextlib import contextmanager

import pytest

needs_inotify = pytest.mark.skipif(sys.platform != 'linux', reason='inotify is Linux\'s')
OPEN, CLOSE, OVERFLOW = 0x20, 0x08 | 0x10, 0x4000


@contextmanager
def counting_opens(*paths):
    """Gives a dictionary that has, after the block, how often each path was opened."""
    libc = ctypes.CDLL(None, use_errno=True)
    watcher = libc.inotify_init1(os.O_NONBLOCK)
    assert watcher >= 0, os.strerror(ctypes.get_errno())
    # Closing, too: the kernel joins events that are alike and follow one another.
    names = {libc.inotify_add_watch(watcher, os.fsencode(path), OPEN | CLOSE): path
             for path in paths}
    assert min(names) >= 0
    counts = dict.fromkeys(paths, 0)
    try:
        yield counts
        for name in _opened(watcher):
            counts[names[name]] += 1
    finally:
        os.close(watcher)


def _opened(watcher):
    while True:
        try:
            data = os.read(watcher, 1 << 16)
        except BlockingIOError:
            return
        while data:
            watch, mask, _, length = struct.unpack('iIII', data[:16])
            assert not mask & OVERFLOW
            if mask & OPEN:
                yield watch
            data = data[16 + length:]
