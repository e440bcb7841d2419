"""Memory that a training process keeps."""
import subprocess
import sys

import pytest

from mmst.engine.run import memory

#: Page faults of maps of 16 MiB that are allocated and freed in turn, before and after.
FAULTS = '''
import resource
import torch
from mmst.engine.run.memory import keep_freed_memory

def faults(count=8):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(count):
        torch.empty(2**22).fill_(1.)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

before, kept = faults(), keep_freed_memory()
faults(2)  # the first maps take their pages
print(before, int(kept), faults())
'''


@pytest.mark.by_turns(5)
@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='needs glibc')
def test_freed_maps_are_reused_instead_of_cleared_again():
    """In a process of its own: one that has kept memory never asks for it again."""
    result = subprocess.run([sys.executable, '-W', 'ignore', '-c', FAULTS], capture_output=True,
                            text=True, check=True)
    before, kept, after = map(int, result.stdout.split())
    if not kept:
        pytest.skip('another C library')
    assert after < before / 10


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(memory.ctypes, 'CDLL', lambda name: object())
    assert memory.keep_freed_memory() is False
