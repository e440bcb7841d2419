"""Memory that a training process keeps."""
import sys

import pytest
import torch

from mmst.engine import memory

glibc = pytest.mark.skipif(not sys.platform.startswith('linux'), reason='needs glibc')
#: What glibc starts with.
DEFAULT = 128 * 1024


def faults_of_maps(count=8):
    """Pages that the system had to find for maps of 16 MiB, allocated and freed in turn."""
    import resource
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(count):
        torch.empty(2**22).fill_(1.)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@glibc
def test_freed_maps_are_reused_instead_of_cleared_anew():
    if not memory._set_thresholds(DEFAULT, DEFAULT):
        pytest.skip('another C library')
    try:
        before = faults_of_maps()
        assert memory.keep_freed_memory()
        faults_of_maps(2)  # the first maps take their pages
        assert faults_of_maps() < before / 10
    finally:
        memory._set_thresholds(DEFAULT, DEFAULT)


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(memory.ctypes, 'CDLL', lambda name: object())
    assert memory.keep_freed_memory() is False
