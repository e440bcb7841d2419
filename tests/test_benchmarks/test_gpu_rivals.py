"""Rows of torch's own graphs: their code runs by stand-ins, and fails where nothing is captured."""
from contextlib import nullcontext
from unittest import mock

import captured
import gpu_parts
import gpu_rivals
import pytest
import torch
from captured import Failed
from gpu_parts import Case
from gpu_rivals import RIVALS, Body, check_compiled, graphed_callables, own_graphs
from graphs import CountedGraph, stand_in
from torch import nn

from mmst.kernels import graphed

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason='of machines without a GPU')
CALLABLES, COMPILED = RIVALS
FORMS = {'this project\'s graphs', 'without graphs'}


@pytest.fixture
def gpu(monkeypatch):
    """A GPU for the benchmark: functions stand for graphs, and nothing is waited for."""
    stand_in(monkeypatch)
    for module in (captured, gpu_parts, gpu_rivals):
        monkeypatch.setattr(module, 'DEVICE', 'cuda')
    monkeypatch.setattr(gpu_rivals, 'WARMUP', 2)
    monkeypatch.setattr(CountedGraph, 'made', [])
    for name, function in dict(
            synchronize=lambda: None, stream=lambda stream: nullcontext(),
            CUDAGraph=CountedGraph, graph=lambda *_, **__: nullcontext()).items():
        monkeypatch.setattr(torch.cuda, name, function)
    monkeypatch.setattr(torch.cuda.graphs, 'graph_pool_handle', lambda: None)


@pytest.fixture
def compiler(monkeypatch):
    """torch.compile without inductor, which takes minutes; its counters; how many graphs it has."""
    compiled = torch.compile
    modes, graphs = [], [1]
    monkeypatch.setattr(torch, 'compile', lambda body, mode: modes.append(mode) or compiled(
        body, backend='eager'))
    monkeypatch.setattr(gpu_rivals, 'recorded_graphs', lambda: graphs[0])
    torch._dynamo.reset()
    yield mock.MagicMock(modes=modes, graphs=graphs)
    torch._dynamo.reset()


def test_make_graphed_callables_trains_in_turn_with_this_projects_graphs(gpu):
    found = gpu_rivals.rivals(Case(True, 2), CALLABLES)
    assert set(found['steps']) == {*FORMS, CALLABLES} and not found['skipped']
    forward, backward = CountedGraph.made
    assert forward.replays == backward.replays == 2 + 1 + 2  # first steps, warm-up, rounds


@pytest.mark.by_turns(5)
def test_reduce_overhead_trains_in_turn_with_this_projects_graphs(gpu, compiler):
    found = gpu_rivals.rivals(Case(True, 2), COMPILED)
    assert set(found['steps']) == {*FORMS, COMPILED} and not found['skipped']
    assert compiler.modes == ['reduce-overhead']


def test_where_torch_compile_records_no_graph_the_row_fails(gpu, compiler, monkeypatch):
    monkeypatch.setattr(gpu_rivals, 'own_graphs', lambda args: (mock.MagicMock(), lambda: None))
    monkeypatch.setattr(gpu_rivals, 'form', lambda *_, **__: mock.MagicMock(
        model=mock.MagicMock(backbone=nn.Identity(), neck=nn.Identity())))
    compiler.graphs[0] = 0
    with pytest.raises(Failed, match='recorded no CUDA graph'):
        gpu_rivals.rivals(Case(True, 2), COMPILED)


def test_where_torch_compile_skips_graphs_the_row_fails(monkeypatch):
    monkeypatch.setattr(gpu_rivals, 'recorded_graphs', lambda: 1)
    counters = torch._dynamo.utils.counters['inductor']
    monkeypatch.setitem(counters, 'cudagraph_skips', 0)
    check_compiled()
    monkeypatch.setitem(counters, 'cudagraph_skips', 2)
    with pytest.raises(Failed, match='2 parts without a CUDA graph'):
        check_compiled()


def test_graphs_of_torch_compile_are_counted():
    assert gpu_rivals.recorded_graphs() == 0
    from torch._inductor import cudagraph_trees
    with mock.patch.object(cudagraph_trees, 'get_manager', lambda *_, **__: mock.MagicMock(
            roots=dict(a=['first', 'second'], b=['third']))):
        assert gpu_rivals.recorded_graphs() == 3


def test_where_make_graphed_callables_captures_nothing_its_row_fails(monkeypatch):
    training = mock.MagicMock()
    training.model.backbone, training.model.neck = nn.Linear(2, 2), nn.Identity()
    monkeypatch.setattr(gpu_rivals, 'form', lambda *_: training)
    monkeypatch.setattr(torch.cuda, 'make_graphed_callables', lambda body, sample: body)
    _, check = graphed_callables(None, torch.ones(1, 2))
    with pytest.raises(Failed, match='without a CUDA graph'):
        check()


def test_where_this_projects_parts_run_without_graphs_the_row_fails(gpu, monkeypatch):
    def refuse(*_):
        raise RuntimeError('a copy to the host')

    monkeypatch.setattr(gpu_rivals, 'RIVALS', {CALLABLES: lambda args, _: own_graphs(args)})
    monkeypatch.setattr(graphed, 'capture', refuse)
    with pytest.raises(Failed, match='ran without a CUDA graph: a copy to the host'):
        gpu_rivals.rivals(Case(True, 2), CALLABLES)


def test_a_body_is_backbone_and_neck():
    model = mock.MagicMock(backbone=nn.Flatten(), neck=nn.Identity())
    model.neck.forward = lambda x: [x]
    assert Body(model)(torch.ones(2, 3, 1)).shape == (2, 3)
