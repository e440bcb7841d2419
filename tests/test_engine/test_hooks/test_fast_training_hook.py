"""Runs that compute their steps in other ways."""
import pytest
import torch
from graphs import stand_in
from mmengine.logging import MMLogger
from tiny import WEAKEN, averaged_model, find_hook, make, run, timeline, unwrap

from mmst.engine import FastTrainingHook, SearchHook
from mmst.engine.hooks import fast_training_hook
from mmst.errors import ConfigError
from mmst.kernels import batch_norm, depthwise, pointwise
from mmst.kernels.depthwise import normalized
from mmst.kernels.graph_group import GraphGroup
from mmst.kernels.ops import KernelOps
from mmst.kernels.side_streams import SideStreams
from mmst.models import get_widths, search_blocks
from mmst.models.hrnas.mixconv import MixConv
from mmst.models.hrnas.ops import Ops

#: What the class says itself: ``stand_in`` replaces it.
OBSTACLE = SideStreams.obstacle
needs_kernel = pytest.mark.skipif(
    depthwise.library.kernel() is None, reason='no C++ compiler')


def fast(**settings):
    """The hook, as a run's config names it."""
    return [dict(type='mmst.FastTrainingHook', **settings)]


@pytest.fixture
def maps(monkeypatch):
    """Whether autograd was on, for each map that a kernel took."""
    taken = []
    for module, name in ((depthwise, 'mixed_depthwise'), (normalized, 'normalized_depthwise'),
                         (batch_norm, 'batch_norm'), (pointwise, 'pointwise')):
        kernel = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *args, kernel=kernel, **kwargs: taken.append(
            torch.is_grad_enabled()) or kernel(*args, **kwargs))
    return taken


@pytest.fixture(autouse=True)
def kept(monkeypatch):
    """Calls of what would change the memory of the process that tests."""
    calls = []
    monkeypatch.setattr(fast_training_hook, 'keep_freed_memory', lambda: calls.append(True))
    return calls


def assert_close(first, second):
    for (name, a), b in zip(first.state_dict().items(), second.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-3, msg=name)


@needs_kernel
def test_a_run_by_the_kernel_ends_like_one_by_convolutions(tmp_path, maps):
    settings = dict(probes=[WEAKEN], val=1)
    plain = run(tmp_path / 'plain', 2, **settings)
    assert not maps
    other = run(tmp_path / 'fast', 2, custom_hooks=fast(), **settings)
    assert len(maps) > 20 and all(maps)  # training alone: no evaluation, no recalibration
    assert timeline(plain) == timeline(other) and ('search', 2) in timeline(plain)
    assert get_widths(unwrap(plain)) == get_widths(unwrap(other))
    assert_close(unwrap(plain), unwrap(other))
    assert_close(averaged_model(plain).module, averaged_model(other).module)


@needs_kernel
def test_a_resumed_run_by_the_kernel_equals_an_uninterrupted_one_to_the_bit(tmp_path, maps, kept):
    settings = dict(probes=[WEAKEN], noise=0.1, checkpoint=dict(interval=1),
                    custom_hooks=[dict(type='mmst.SeedHook'), *fast()])
    whole = run(tmp_path / 'whole', 4, **settings)
    again = run(tmp_path / 'again', 4, resume=True,
                load_from=str(tmp_path / 'whole' / 'epoch_2.pth'), **settings)
    assert maps and len(kept) == 2
    for model in (unwrap, lambda runner: averaged_model(runner).module):
        first, second = model(whole).state_dict(), model(again).state_dict()
        assert all(torch.equal(first[name], second[name]) for name in first)


def test_switched_off_it_changes_nothing(tmp_path, maps, kept):
    runner = run(tmp_path, 2, custom_hooks=fast(kernel=False, keep_memory=False))
    assert not maps and not kept
    paths = [m for m in unwrap(runner).modules() if isinstance(m, MixConv)]
    assert paths and all(type(path.ops) is Ops for path in paths)
    assert {type(m.ops) for m in unwrap(runner).modules() if hasattr(m, 'ops')} == {Ops}


def test_compiled_blocks_follow_a_search(tmp_path):
    torch._dynamo.reset()
    functions = []

    def keep(runner):
        functions.append(dict(find_hook(runner, FastTrainingHook).compiler.functions))

    runner = run(tmp_path, 2, search=dict(interval=1), custom_hooks=fast(
        kernel=False, compile='eager'), probes=[WEAKEN, (80, dict(after_train_epoch=keep))])
    blocks = search_blocks(unwrap(runner)).values()
    assert all(block.ops.function in functions[-1].values() for block in blocks)
    assert set(functions[0]) != set(functions[1])
    assert find_hook(runner, SearchHook).last_search == 2
    torch._dynamo.reset()


@pytest.mark.parametrize('settings, ops', [
    ({}, KernelOps(('cpu', 'cuda'))), (dict(cuda_graph=False), KernelOps(('cpu', ))),
    (dict(cuda_graph=False, kernel=True), KernelOps(('cpu', 'cuda'))),
    (dict(products=False), KernelOps(('cpu', 'cuda'), products=()))])
def test_kernels_run_on_a_gpu_where_graphs_launch_them_or_where_asked_for(tmp_path, settings,
                                                                         ops):
    runner = run(tmp_path, 2, custom_hooks=fast(**settings))
    for model in (unwrap(runner), averaged_model(runner).module):  # both are recalibrated
        assert {m.ops for m in model.modules() if isinstance(m, MixConv)} == {ops}


@pytest.fixture
def graphs(monkeypatch):
    """The graphs of a run, though there may be no GPU."""
    if not torch.cuda.is_available():
        stand_in(monkeypatch)
        monkeypatch.setattr(fast_training_hook, 'devices', lambda runner: {'cuda'})
    found = []
    make_graphs = fast_training_hook.graph_parts
    monkeypatch.setattr(fast_training_hook, 'graph_parts',
                        lambda *args: found.extend(make_graphs(*args)) or found)
    return found


def test_a_run_by_graphs_ends_like_one_without(tmp_path, graphs):
    settings = dict(probes=[WEAKEN], val=1)
    plain = run(tmp_path / 'plain',
                3,
                custom_hooks=fast(kernel=False, cuda_graph=False),
                **settings)
    assert not graphs
    other = run(tmp_path / 'graphs', 3, custom_hooks=fast(kernel=False), **settings)
    assert [graph.captures for graph in graphs] == [2, 2]  # once, and after the search
    assert timeline(plain) == timeline(other) and ('search', 2) in timeline(plain)
    assert get_widths(unwrap(plain)) == get_widths(unwrap(other))
    assert_close(unwrap(plain), unwrap(other))
    assert_close(averaged_model(plain).module, averaged_model(other).module)


def test_ranks_agree_on_graphs_after_every_so_many_iterations(tmp_path, graphs, monkeypatch):
    passed, agreed = [], []
    monkeypatch.setattr(fast_training_hook, 'AGREE', 3)
    monkeypatch.setattr(GraphGroup, 'agree', lambda group: agreed.append((group, len(passed))))
    run(tmp_path, 4, search=False, prune=False, recalibrate=False, custom_hooks=fast(kernel=False),
        probes=[(60, dict(after_train_iter=lambda runner: passed.append(runner.iter)))])
    assert agreed == [(graphs[0].group, 3), (graphs[0].group, 6)] and len(passed) == 8


def test_a_validation_keeps_graphs_and_the_end_of_training_removes_them(tmp_path, graphs):
    held = []

    def look(runner):
        held.append([graph.replay is not None for graph in graphs])

    runner = run(tmp_path, 1, length=16, val=1, search=False, prune=False,
                 custom_hooks=fast(kernel=False),
                 probes=[(80, dict(after_train_epoch=look, after_val_epoch=look))])
    assert held == [[True, True], [True, True]]
    assert not any('forward' in vars(part) for part in unwrap(runner).children())


@pytest.mark.parametrize('settings, printed', [
    (dict(kernel='yes'), 'FastTrainingHook.kernel'), (dict(compile=2), 'FastTrainingHook.compile'),
    (dict(compile=''), 'FastTrainingHook.compile'),
    (dict(keep_memory=1), 'FastTrainingHook.keep_memory'),
    (dict(cuda_graph='auto'), 'FastTrainingHook.cuda_graph'),
    (dict(products=2), 'FastTrainingHook.products'),
    (dict(streams=1), 'FastTrainingHook.streams')])
def test_settings_that_make_no_sense_are_refused(settings, printed):
    with pytest.raises(ConfigError, match=printed):
        FastTrainingHook(**settings)


def test_an_unknown_backend_is_refused_before_training(tmp_path):
    with pytest.raises(ConfigError, match='no_such_backend'):
        make(tmp_path, 2, custom_hooks=fast(compile='no_such_backend')).train()


def test_compiling_twice_is_refused(tmp_path):
    runner = make(tmp_path, 2, custom_hooks=fast(compile='eager'))
    runner.cfg.compile = True
    with pytest.raises(ConfigError, match='compiles the whole model already'):
        runner.train()


def test_streams_are_used_in_captures_alone_and_a_run_ends_as_without(tmp_path, graphs,
                                                                      monkeypatch):
    used = []
    monkeypatch.setattr(SideStreams, 'obstacle', staticmethod(lambda: None))
    monkeypatch.setattr(SideStreams, '__call__', lambda self, paths: used.append(
        self._open) or [run_path(x) for run_path, x in paths])
    settings = dict(probes=[WEAKEN], val=1)
    plain = run(tmp_path / 'plain', 2, custom_hooks=fast(kernel=False, cuda_graph=False),
                **settings)
    assert not used
    other = run(tmp_path / 'streams', 2, custom_hooks=fast(), **settings)
    assert graphs[0].group.sides is not None and {True, False} == set(used)
    assert timeline(plain) == timeline(other)


def test_where_the_allocator_cannot_fork_the_log_says_so_and_paths_run_in_order(
        tmp_path, graphs, monkeypatch):
    printed = []
    monkeypatch.setattr(SideStreams, 'obstacle', staticmethod(OBSTACLE))
    monkeypatch.setattr(torch.cuda, 'get_allocator_backend', lambda: 'cudaMallocAsync')
    monkeypatch.setattr(MMLogger, 'warning', lambda self, text, *_: printed.append(str(text)))
    runner = run(tmp_path, 2, custom_hooks=fast())
    assert find_hook(runner, FastTrainingHook).ops.streams is None
    assert graphs[0].group.sides is None
    assert any('cudaMallocAsync, so that' in text for text in printed)


@pytest.mark.parametrize('settings', [
    dict(streams=False), dict(cuda_graph=False), dict(kernel=False)])
def test_without_streams_graphs_or_kernels_paths_run_in_order_and_nothing_is_said(
        tmp_path, graphs, monkeypatch, settings):
    monkeypatch.setattr(SideStreams, 'obstacle', staticmethod(lambda: pytest.fail('asked')))
    monkeypatch.setattr(SideStreams, '__call__', lambda *_: pytest.fail('used'))
    run(tmp_path, 1, search=False, prune=False, recalibrate=False,
        custom_hooks=fast(**{'kernel': 'auto', **settings}))
    assert all(part.group.sides is None for part in graphs)
