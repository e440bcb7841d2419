"""What the graphs of a network's parts share, with torch's functions replaced."""
from types import SimpleNamespace

import pytest
import torch

from mmst.kernels import graph_group

GIB = 2**30
TOTAL = 80


@pytest.fixture
def gpu(monkeypatch):
    """Set what a GPU of 80 GiB says: free memory, and segments of the allocator, in GiB."""

    def say(free, *segments):
        found = [dict(device=device, stream=stream, segment_pool_id=pool, total_size=size * GIB,
                      active_size=used * GIB) for size, used, pool, stream, device in segments]
        monkeypatch.setattr(torch.cuda, 'mem_get_info', lambda: (free * GIB, TOTAL * GIB))
        monkeypatch.setattr(torch.cuda, 'memory_snapshot', lambda: found)
        own = [s for s in found if not s['device']]
        for name, key in (('memory_reserved', 'total_size'), ('memory_allocated', 'active_size')):
            monkeypatch.setattr(torch.cuda, name, lambda key=key: sum(s[key] for s in own))

    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(torch.cuda, 'current_device', lambda: 0)
    monkeypatch.setattr(torch.cuda, 'current_stream', lambda: SimpleNamespace(cuda_stream=0))
    return say


@pytest.mark.parametrize('free, segments, short', [
    (30, [], False),
    (3, [(70, 12, (0, 1), 0, 0)], True),  # a graph's pool, of which eager passes get nothing
    (3, [(70, 12, (0, 0), 0, 0)], False),  # the pool of eager passes
    (3, [(40, 6, (0, 1), 0, 0), (30, 6, (0, 0), 0, 0)], False),
    (3, [(60, 6, (0, 1), 0, 0), (10, 6, (0, 0), 0, 0)], True),
    (3, [(70, 12, (0, 0), 7, 0)], True),  # gaps that belong to another stream
    (3, [(70, 0, (0, 0), 7, 0)], False),  # wholly free: torch gives it back where it has to
    (3, [(70, 12, (0, 0), 0, 1)], True)])  # another GPU's
def test_memory_is_short_where_eager_passes_have_little_left(gpu, free, segments, short):
    gpu(free, *segments)
    assert graph_group.memory_is_short() is short


def test_an_allocator_that_does_not_list_its_segments_holds_none(gpu, monkeypatch):
    def refuse():
        raise RuntimeError('cudaMallocAsync does not yet support snapshot')

    gpu(3, (70, 12, (0, 0), 0, 0))
    monkeypatch.setattr(torch.cuda, 'memory_snapshot', refuse)
    assert graph_group.memory_is_short()


def test_without_a_gpu_memory_is_never_short(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    assert not graph_group.memory_is_short()
