"""What the graphs of a network's parts share, with torch's functions replaced."""
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from mmst.kernels import graph_group
from mmst.kernels.graph_group import IN_ORDER, KEPT, ONE_KEPT, GraphGroup
from mmst.kernels.side_streams import SideStreams

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


# ------------------------------------------------------------------------------- several ranks


class Part:
    """A part of a network with graphs of some shapes."""

    def __init__(self, shapes):
        self.module, self.shapes, self.reasons = nn.Linear(1, 1), shapes, []

    def forms(self):
        return [(shape, ) for shape in range(self.shapes)]

    def drop_graphs(self):
        self.shapes = 0


@pytest.fixture
def ranks(monkeypatch):
    """Three ranks' groups of two parts each, and a function that lets them agree."""
    groups = [GraphGroup() for _ in range(3)]
    for group in groups:
        group.parts.extend([Part(2), Part(2)])
    printed = []
    monkeypatch.setattr(graph_group, 'print_log', lambda text, *_: printed[-1].append(text))

    def agree():
        """Each group answers in turn; what the others send is what they would have sent."""
        levels, answers = [(group.saved, group.reason) for group in groups], []
        most, least = max(levels)[0], min(levels)[0]
        monkeypatch.setattr(graph_group.dist, 'all_reduce', lambda both, op: both.copy_(
            torch.tensor([most, -least])) if op == 'max' else pytest.fail(op))
        monkeypatch.setattr(graph_group.dist, 'all_gather_object', lambda own: levels)
        printed.clear()
        for group in groups:
            printed.append([])
            answers.append(group.agree())
        return answers, [list(lines) for lines in printed]

    monkeypatch.setattr(graph_group.dist, 'get_world_size', lambda: 3)
    return groups, agree


def test_ranks_that_have_enough_memory_keep_their_graphs_and_say_nothing(ranks):
    groups, agree = ranks
    assert agree() == ([False] * 3, [[], [], []])
    assert all(group.kept == KEPT and group.parts[0].forms() for group in groups)


def test_where_one_rank_ran_out_of_memory_the_others_say_once_which_one_and_why(ranks):
    groups, agree = ranks
    groups[1].run_out(False, 'CUDA out of memory. Tried to allocate 2 GiB')
    answers, (first, own, last) = agree()
    assert answers == [True] * 3 and not own and first == last and len(first) == 1
    assert 'without a CUDA graph: the memory of rank 1' in first[0] and '2 GiB' in first[0]
    for group in groups:
        assert not any(part.forms() for part in group.parts)
    assert all('rank 1' in part.reasons[0] for part in groups[0].parts + groups[2].parts)
    assert agree() == ([True] * 3, [[], [], []])


def test_where_one_rank_keeps_one_graph_all_ranks_do_and_the_others_say_why(ranks):
    groups, agree = ranks
    groups[2].run_out(True, 'CUDA out of memory')
    answers, printed = agree()
    assert answers == [False] * 3 and [group.kept for group in groups] == [1] * 3
    assert not any(part.forms() for group in groups for part in group.parts)
    assert [len(lines) for lines in printed] == [1, 1, 0] and 'rank 2' in printed[0][0]
    assert 'without a CUDA graph of more than one shape' in printed[0][0]
    groups[0].run_out(False, 'CUDA out of memory again')
    answers, printed = agree()
    assert answers == [True] * 3 and 'rank 0' in printed[1][0] and 'again' in printed[2][0]


def test_where_paths_ran_side_by_side_they_run_in_order_before_graphs_are_given_up(ranks):
    groups, agree = ranks
    for group in groups:
        group.sides = SideStreams()
    groups[1].run_out(True, 'CUDA out of memory')
    assert groups[1].saved == IN_ORDER and not groups[1].parts[0].forms()
    answers, printed = agree()
    assert answers == [False] * 3 and 'without paths side by side in a CUDA graph' in printed[0][0]
    for group in groups:
        assert group.sides is None and group.kept == KEPT
    groups[1].run_out(True, 'CUDA out of memory')
    assert groups[1].saved == ONE_KEPT
    groups[1].run_out(True, 'CUDA out of memory')
    assert groups[1].off


def test_a_rank_that_ran_out_of_memory_goes_by_the_one_that_has_least(ranks):
    groups, agree = ranks
    groups[0].run_out(True, 'a second shape')
    groups[1].run_out(False, 'a first shape')
    answers, printed = agree()
    assert answers == [True] * 3 and 'rank 1' in printed[0][0] and 'a first shape' in printed[0][0]


def test_without_other_ranks_nothing_is_sent(monkeypatch):
    monkeypatch.setattr(graph_group.dist, 'all_reduce', lambda *_: pytest.fail('a collective'))
    group = GraphGroup()
    group.run_out(True, 'CUDA out of memory')
    assert not group.agree()
