"""CUDA graphs of training passes: when they are captured, and that nothing else changes."""
import copy
import cProfile
import gc
import random
import sys
import weakref
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from graphs import stand_in
from small_nets import NarrowModel, input_image
from torch import nn

from mmst.errors import TrainingError
from mmst.kernels import captured_pass, graphed, module_state
from mmst.kernels.graph_parts import graph_parts
from mmst.kernels.graphed import GraphedForward
from mmst.kernels.side_streams import SideStreams


class Part(nn.Module):
    """A part with parameters and a buffer, for the decisions alone."""

    def __init__(self):
        super().__init__()
        self.linear, self.bn = nn.Linear(3, 3), nn.BatchNorm1d(3)

    def forward(self, x):
        return self.bn(self.linear(x))


@pytest.fixture
def part(monkeypatch):
    """A part in training whose captures are counted and replay by its own forward."""
    monkeypatch.setattr(GraphedForward, '_on_gpu', staticmethod(lambda leaves: True))
    monkeypatch.setattr(GraphedForward, '_new_stream', staticmethod(object))
    monkeypatch.setattr(graphed, 'capture', lambda module, *_: counted(module))
    module = Part()
    module.forward = GraphedForward(module)
    return module


def counted(module):
    def replay(*leaves):
        replay.calls += 1
        return module(*leaves)

    replay.calls = 0
    return replay


def step(module, rows=4):
    module(torch.randn(rows, 3)).sum().backward()
    module.zero_grad()
    return module.forward.captures, module.forward.replay and module.forward.replay.calls


# ------------------------------------------------------------------------------- decisions


def test_a_pass_is_captured_when_it_comes_twice_in_a_row(part):
    assert [step(part) for _ in range(3)] == [(0, None), (1, 1), (1, 2)]


def test_a_smaller_last_batch_runs_without_and_leaves_the_graph(part):
    found = [step(part, rows) for rows in (4, 4, 2, 4, 4)]
    assert found == [(0, None), (1, 1), (1, 1), (1, 2), (1, 3)]


def test_another_size_that_stays_is_captured_next_to_it(part):
    found = [step(part, rows) for rows in (4, 4, 2, 2, 2, 4, 2)]
    assert found == [(0, None), (1, 1), (1, 1), (2, 1), (2, 2), (2, 2), (2, 3)]


def test_sizes_that_take_turns_are_captured_once_each(part):
    for rows in [4, 4, 2, 2, 3, 3] * 10:
        step(part, rows)
    assert part.forward.captures == 3 and len(part.forward.forms()) == 3


def test_graphs_of_more_sizes_than_are_kept_are_not_captured_again_and_again(part, monkeypatch):
    printed = []
    monkeypatch.setattr(graphed, 'print_log', lambda text, *_: printed.append(text))
    for rows in [2, 2, 3, 3, 4, 4, 5, 5, 6, 6] * 20:
        step(part, rows)
    assert part.forward.captures <= 8 and part.forward.patience > 2
    first, second = printed
    assert 'without a CUDA graph: its graphs were dropped' in first and 'steadier passes' in first
    assert second == f'Training Part without a CUDA graph: {graphed.RARE}'


@pytest.mark.parametrize('rows, moves', [
    ([4, 4, 2, 2] * 25, 1000), ([4] * 200, 4)], ids=['sizes in turn', 'parameters that move'])
def test_captures_that_fail_are_tried_ever_more_rarely(part, monkeypatch, rows, moves):
    def fail(*_):
        raise RuntimeError('it draws numbers on the host')

    monkeypatch.setattr(graphed, 'capture', fail)
    for number, count in enumerate(rows):
        if number % moves == 0:
            part.linear.weight = nn.Parameter(part.linear.weight.detach().clone())
        step(part, count)
    assert 1 <= part.forward.captures <= graphed.FREE + 2


def test_where_most_passes_run_without_a_graph_the_log_says_so_once(part, monkeypatch):
    printed = []
    monkeypatch.setattr(graphed, 'print_log', lambda text, *_: printed.append(text))
    for i in range(2 * graphed.WINDOW):
        assert not printed or i >= graphed.WINDOW
        step(part, 2 + i % 3)  # never twice the same
    assert not part.forward.captures
    assert printed == [f'Training Part without a CUDA graph: {graphed.RARE}']
    assert part.forward.reasons == [graphed.RARE]


def test_where_one_pass_in_an_epoch_of_three_differs_the_log_says_nothing(part, monkeypatch):
    monkeypatch.setattr(graphed, 'print_log', lambda text, *_: pytest.fail(text))
    for i in range(2 * graphed.WINDOW):
        step(part, 3 if i % 3 == 2 else 2)
    assert part.forward.captures == 1


def test_passes_that_wait_for_each_other_are_reported_where_most_run_without(part):
    for _ in range(graphed.WINDOW):
        sum(part(torch.randn(4, 3)).sum() for _ in range(3)).backward()
    assert part.forward.captures == 1 and part.forward.reasons == [graphed.RARE]


def test_parameters_that_move_all_the_time_lead_to_few_captures(part):
    def moved(steps):
        before = part.forward.captures
        for i in range(steps):
            if i % 4 == 0:
                with torch.no_grad():
                    part.linear.weight.set_(torch.randn(3, 3))
            step(part)
        return part.forward.captures - before

    assert moved(40) <= 5 and moved(40) == 0
    for _ in range(2 * part.forward.patience + graphed.PAYS):
        step(part)  # steady again
    with torch.no_grad():
        part.linear.weight.set_(torch.randn(3, 3))
    assert part.forward.captures and step(part)[1] is None and part.forward.patience == 2


def test_a_parameter_in_another_place_leads_to_a_new_capture(part):
    step(part), step(part)
    with torch.no_grad():
        part.linear.weight.set_(torch.randn(3, 3))
    assert [step(part) for _ in range(2)] == [(1, None), (2, 1)]


def test_a_parameter_that_is_frozen_leads_to_a_new_capture(part):
    step(part), step(part)
    part.linear.bias.requires_grad_(False)
    assert [step(part) for _ in range(2)] == [(1, None), (2, 1)]


def test_a_layer_that_is_frozen_leads_to_a_new_capture(part):
    step(part), step(part)
    part.bn.eval()
    assert [step(part) for _ in range(2)] == [(1, None), (2, 1)]


@pytest.mark.parametrize('replace', [
    lambda part: setattr(part, 'linear', nn.Linear(3, 3)),
    lambda part: setattr(part.linear, 'weight', nn.Parameter(part.linear.weight.data))])
def test_a_part_or_a_parameter_that_is_replaced_leads_to_a_new_capture(part, replace):
    step(part), step(part)
    replace(part)
    assert [step(part) for _ in range(2)] == [(1, None), (2, 1)]


def test_another_precision_runs_without_and_is_captured_when_it_stays(part):
    step(part), step(part)
    with monkeypatched_autocast(), torch.autocast('cpu', torch.bfloat16):
        assert [step(part) for _ in range(2)] == [(1, 1), (2, 1)]


@contextmanager
def monkeypatched_autocast():
    """The CPU's autocast in the place of the GPU's."""
    own = graphed.cuda_autocast
    graphed.cuda_autocast = lambda: (torch.is_autocast_enabled('cpu'), torch.bfloat16)
    try:
        yield
    finally:
        graphed.cuda_autocast = own


def test_evaluation_and_passes_without_gradients_run_as_before(part):
    step(part), step(part)
    with torch.no_grad():
        part(torch.randn(4, 3))
    assert part.forward.replay.calls == 1
    replay = part.forward.replay
    part.eval()
    part(torch.randn(4, 3))
    assert replay.calls == 1 and part.forward.forms()


def test_evaluation_gets_the_graphs_memory_where_memory_is_short(part, monkeypatch):
    step(part), step(part)
    monkeypatch.setattr(graphed, 'memory_is_short', lambda: True)
    part.eval()
    part(torch.randn(4, 3))
    assert not part.forward.forms() and part.forward.replay is None


def test_an_evaluation_looks_at_memory_at_first_and_where_a_pass_is_larger_than_before(
        part, monkeypatch):
    step(part), step(part)
    looks = []
    monkeypatch.setattr(graphed, 'memory_is_short', lambda: looks.append(True))

    def evaluate(*sizes):
        looks.clear()
        part.eval()
        for rows in sizes:
            part(torch.randn(rows, 3))
        part.train()
        step(part)
        return len(looks)

    assert [evaluate(4, 4, 2, 8, 8), evaluate(4, 4, 2)] == [2, 1]


def test_graphs_that_are_dropped_while_a_pass_waits_go_after_its_backward_pass(part):
    """torch frees a stream's workspaces of cuBLAS with any of its graphs; the others use them."""
    for rows in (4, 4, 2, 2):
        step(part, rows)
    out = part(torch.randn(4, 3))
    graphs = list(map(weakref.ref, part.forward._graphs.values()))
    part.forward.group.drop()
    gc.collect()
    assert not part.forward.forms() and len([1 for graph in graphs if graph()]) == 2
    out.sum().backward()
    gc.collect()
    assert not any(graph() for graph in graphs)


def test_a_second_pass_before_the_backward_pass_of_the_first_runs_without(part):
    step(part), step(part)
    first, second = part(torch.randn(4, 3)), part(torch.randn(4, 3))
    assert part.forward.replay.calls == 2
    (first + second).sum().backward()
    part(torch.randn(4, 3))  # though the outputs of the first are still there
    assert part.forward.replay.calls == 3


def test_a_pass_whose_loss_was_dropped_does_not_hinder_the_next(part):
    step(part), step(part)
    part(torch.randn(4, 3))
    part(torch.randn(4, 3))
    assert part.forward.replay.calls == 3


def test_accumulated_gradients_are_moved_out_of_the_graphs_buffers(part):
    step(part), step(part)
    part(torch.randn(4, 3)).sum().backward()
    before = part.linear.weight.grad
    value = before.clone()
    part(torch.randn(4, 3))
    assert part.linear.weight.grad is not before
    assert torch.equal(part.linear.weight.grad, value)


def test_a_copy_of_a_part_captures_for_itself(part):
    step(part), step(part)
    other = copy.deepcopy(part)
    assert other.forward.module is other and other.forward.replay is None
    assert [step(other) for _ in range(2)] == [(0, None), (1, 1)]
    assert part.forward.replay.calls == 1


def test_parts_with_search_blocks_are_graphed_and_run_as_before_on_a_cpu():
    plain = NarrowModel().train()
    model = copy.deepcopy(plain)
    assert [g.module for g in graph_parts(model)] == [model.backbone, model.neck]
    for _ in range(3):
        torch.manual_seed(1)
        expected = plain(input_image())
        torch.manual_seed(1)
        assert torch.equal(model(input_image()), expected)
    assert not any(part.forward.captures for part in (model.backbone, model.neck))


def test_what_cannot_be_captured_runs_as_before_and_the_log_says_why(part, monkeypatch):
    def fail(*_):
        raise RuntimeError('a copy to the host\nand more')

    monkeypatch.setattr(graphed, 'capture', fail)
    printed = []
    monkeypatch.setattr(graphed, 'print_log', lambda text, *_: printed.append(text))
    assert [step(part) for _ in range(4)] == [(0, None), (1, None), (1, None), (1, None)]
    assert printed == ['Training Part without a CUDA graph: a copy to the host']
    monkeypatch.setattr(graphed, 'capture', lambda module, *_: counted(module))
    assert [step(part, 2) for _ in range(2)] == [(1, None), (2, 1)]  # another may need none


def test_a_failure_while_capturing_ends_the_run_with_a_remedy(part, monkeypatch):
    def fail(run, pool):
        raise TrainingError('could not be captured')

    monkeypatch.setattr(graphed, 'capture', lambda *_: fail(None, None))
    step(part)
    with pytest.raises(TrainingError, match='captured'):
        step(part)


def test_inner_hooks_are_not_passed_over(part, monkeypatch):
    printed, seen = [], []
    monkeypatch.setattr(graphed, 'print_log', lambda text, *_: printed.append(text))
    part.linear.register_forward_hook(lambda *_: seen.append(True))
    for _ in range(3):
        step(part)
    assert len(seen) == 3 and part.forward.replay is None
    assert len(printed) == 1 and 'linear has hooks' in printed[0]


def test_hooks_that_come_and_go_are_called(part, monkeypatch):
    monkeypatch.setattr(graphed, 'print_log', lambda *_: None)
    step(part), step(part)
    seen = []
    handle = part.linear.register_forward_hook(lambda *_: seen.append(True))
    step(part), step(part)
    handle.remove()
    assert len(seen) == 2
    assert [step(part) for _ in range(2)] == [(2, 1), (2, 2)]
    everywhere = nn.modules.module.register_module_forward_hook(lambda *_: seen.append(True))
    step(part)
    everywhere.remove()
    assert len(seen) > 2


def test_the_parts_own_hooks_are_no_obstacle(part):
    seen = []
    part.register_forward_hook(lambda *_: seen.append(True))
    assert [step(part) for _ in range(2)] == [(0, None), (1, 1)]
    assert len(seen) >= 2


def test_ranks_that_wait_for_each_other_are_not_captured(part, monkeypatch):
    printed = []
    monkeypatch.setattr(graphed, 'print_log', lambda text, *_: printed.append(text))
    part.other = nn.SyncBatchNorm(3)
    assert [step(part) for _ in range(2)][1][0] == 1  # by itself
    part.other = nn.SyncBatchNorm(3)
    monkeypatch.setattr(module_state.dist, 'get_world_size', lambda: 2)
    assert [step(part) for _ in range(3)] == [(1, None)] * 3
    assert 'other is a SyncBatchNorm' in printed[0]


def test_a_pass_that_torch_compiles_runs_as_before(part, monkeypatch):
    step(part), step(part)
    monkeypatch.setattr(graphed, 'is_compiling', lambda: True)
    part(torch.randn(4, 3))
    assert part.forward.replay.calls == 1


def test_a_model_with_graphs_can_be_saved_whole_and_goes_on_without(part, tmp_path):
    step(part), step(part)
    torch.save(part, tmp_path / 'whole.pth')
    other = torch.load(tmp_path / 'whole.pth', weights_only=False)
    assert other.forward.module is other and other.forward.replay is None
    part.eval(), other.eval()
    x = torch.randn(4, 3)
    assert torch.equal(other(x), part(x))


def test_memory_is_given_back_and_the_next_passes_capture_again(part):
    step(part), step(part)
    part.forward.release()
    assert part.forward.replay is None
    assert [step(part) for _ in range(2)] == [(1, None), (2, 1)]


def test_a_call_with_other_arguments_runs_as_before(part):
    step(part), step(part)
    assert part(x=torch.randn(4, 3)).shape == (4, 3)
    assert part.forward.replay.calls == 1


def test_a_part_whose_forward_was_replaced_is_left_alone():
    model = NarrowModel()
    model.neck.forward = lambda x: x
    assert [g.module for g in graph_parts(model)] == [model.backbone]


def test_removed_a_part_runs_by_its_own_forward(part):
    step(part), step(part)
    part.forward.remove()
    assert 'forward' not in vars(part)
    assert part(torch.randn(4, 3)).shape == (4, 3)


# ----------------------------------------------------------------- several parts, several ranks


@pytest.fixture
def parts(part):
    """Two parts whose graphs belong together."""
    other = Part()
    other.forward = GraphedForward(other, part.forward.group)
    return part, other


def test_graphs_of_all_parts_are_dropped_together(parts):
    for _ in range(2):
        step(parts[0]), step(parts[1])
    with torch.no_grad():
        parts[0].linear.weight.set_(torch.randn(3, 3))
    assert parts[1].forward.forms()
    step(parts[0])
    assert not parts[0].forward.forms() and not parts[1].forward.forms()


def test_each_part_warms_up_and_captures_on_one_stream_of_its_own(parts, monkeypatch):
    streams = {}
    monkeypatch.setattr(graphed, 'capture', lambda flat, leaves, stream, _: streams.setdefault(
        flat.module, []).append(stream) or counted(flat))
    for rows in (4, 4, 2, 2):
        step(parts[0], rows), step(parts[1], rows)
    first, second = (streams[part] for part in parts)
    assert len(first) == len(second) == 2
    assert first[0] is first[1] and second[0] is second[1] and first[0] is not second[0]


def out_of_memory(*_):
    raise torch.cuda.OutOfMemoryError('CUDA out of memory. Tried to allocate\nmore')


def no_room_for_cublas(*_):
    raise RuntimeError('CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`\nmore')


@pytest.mark.parametrize('fail, reason', [
    (out_of_memory, 'CUDA out of memory. Tried to allocate'),
    (no_room_for_cublas, 'CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`')])
def test_where_memory_runs_out_in_a_capture_all_parts_go_on_without(
        parts, monkeypatch, fail, reason):
    printed = []
    monkeypatch.setattr(graphed, 'print_log', lambda text, *_: printed.append(text))
    step(parts[1]), step(parts[1])
    monkeypatch.setattr(graphed, 'capture', fail)
    for _ in range(4):
        step(parts[0])
    assert parts[0].forward.captures == 1 and parts[0].forward.group.off
    assert not parts[1].forward.forms()
    assert parts[0].forward.reasons == [reason]
    assert len(printed) == 1


def test_where_memory_runs_out_for_a_second_size_one_is_kept_from_then_on(part, monkeypatch):
    said = []
    monkeypatch.setattr(graphed, 'print_log', lambda text, *_: said.append(text))
    step(part), step(part)
    monkeypatch.setattr(graphed, 'capture', out_of_memory)
    step(part, 2), step(part, 2)
    group = part.forward.group
    assert not group.off and group.kept == 1 and not part.forward.forms()
    assert len(said) == 1 and 'without a CUDA graph of more than one shape of input: ' in said[0]
    monkeypatch.setattr(graphed, 'capture', lambda module, *_: counted(module))
    step(part, 2), step(part), step(part)
    assert len(part.forward.forms()) == 1
    part.forward.group.drop()
    monkeypatch.setattr(graphed, 'capture', out_of_memory)
    step(part), step(part), step(part)
    assert group.off and len(said) == 2 and 'without a CUDA graph: ' in said[1]


def test_where_memory_runs_out_for_paths_side_by_side_they_are_captured_in_order(part, monkeypatch):
    said, captured = [], []
    monkeypatch.setattr(graphed, 'print_log', lambda text, *_: said.append(text))
    part.forward.group.sides = sides = SideStreams()

    def capture(module, leaves, stream, sides):
        captured.append(sides)
        return out_of_memory() if sides is not None else counted(module)

    monkeypatch.setattr(graphed, 'capture', capture)
    assert [step(part) for _ in range(4)] == [(0, None), (1, None), (2, 1), (2, 2)]
    assert captured == [sides, None] and not part.forward.group.off
    assert len(said) == 1 and 'without paths side by side in a CUDA graph: CUDA out' in said[0]


def with_replays(monkeypatch, fail):
    """A part like ``Part`` and one with graphs whose replays call ``fail`` first."""
    stand_in(monkeypatch)
    record = captured_pass.record

    def failing(run, *args):
        found, replay = record(run, *args)
        return found, lambda: (fail(), replay())

    monkeypatch.setattr(captured_pass, 'record', failing)
    monkeypatch.setattr(graphed, 'print_log', lambda *_: None)
    torch.manual_seed(0)
    plain = Part()
    module = copy.deepcopy(plain)
    module.forward = GraphedForward(module)
    return plain, module


def assert_trains_alike(plain, module, steps, rows=lambda i: 4):
    """Outputs, gradients that are added up, and statistics are those without graphs."""
    for i in range(steps):
        x = torch.randn(rows(i), 3)
        outs = [m(x) for m in (plain, module)]
        assert torch.equal(*outs)
        for out in outs:
            out.square().sum().backward()
        for a, b in zip(plain.parameters(), module.parameters(), strict=True):
            torch.testing.assert_close(a.grad, b.grad)
        for a, b in zip(plain.buffers(), module.buffers(), strict=True):
            assert torch.equal(a, b)


@pytest.mark.parametrize('passes', [1, 2])
@pytest.mark.parametrize('fail', [out_of_memory, no_room_for_cublas])
def test_where_memory_lacks_for_a_graphs_first_start_training_goes_on_without(monkeypatch, fail,
                                                                              passes):
    """That of the forward pass, and of the backward pass."""
    starts = []
    plain, module = with_replays(monkeypatch, lambda: fail() if starts.append(
        True) or len(starts) == passes else None)
    assert_trains_alike(plain, module, 4)
    assert module.forward.captures == 1 and module.forward.group.off


@pytest.mark.parametrize('fail', [out_of_memory, no_room_for_cublas])
def test_where_memory_runs_out_in_a_replay_the_pass_and_later_ones_run_without(monkeypatch, fail):
    starts = []

    def fifth(*_):
        starts.append(True)
        if len(starts) == 5:  # after two in the capture, and a step
            fail()

    plain, module = with_replays(monkeypatch, fifth)
    assert_trains_alike(plain, module, 6)
    assert len(starts) == 5 and module.forward.captures == 1
    assert module.forward.group.off and len(module.forward.reasons) == 1


def test_where_memory_runs_out_next_to_graphs_of_another_size_one_is_kept_from_then_on(monkeypatch):
    starts = []

    def once(*_):
        starts.append(True)
        if len(starts) == 9:
            out_of_memory()

    plain, module = with_replays(monkeypatch, once)
    assert_trains_alike(plain, module, 9, rows=lambda i: 4 if i < 3 else 2)
    assert module.forward.captures == 3 and len(module.forward.forms()) == 1
    assert module.forward.group.kept == 1 and not module.forward.group.off


@pytest.mark.parametrize('fail', [out_of_memory, no_room_for_cublas])
def test_where_memory_runs_out_in_a_backward_pass_the_run_ends_with_a_remedy(monkeypatch, fail):
    """What the forward pass has changed and drawn cannot be taken back."""
    starts = []
    _, module = with_replays(
        monkeypatch, lambda *_: fail() if starts.append(True) or len(starts) == 4 else None)
    step(module)
    out = module(torch.randn(4, 3)).sum()
    with pytest.raises(TrainingError, match=r'backward pass.*Remedy: .*cuda_graph=False') as found:
        out.backward()
    assert len(starts) == 4 and len(str(found.value).splitlines()) == 1


def test_another_failure_of_a_backward_pass_is_left_as_it_is(monkeypatch):
    def broken(*_):
        if starts.append(True) or len(starts) == 4:
            raise RuntimeError('CUDA error: an illegal memory access was encountered')

    starts = []
    _, module = with_replays(monkeypatch, broken)
    step(module)
    out = module(torch.randn(4, 3)).sum()
    with pytest.raises(RuntimeError, match='illegal memory access'):
        out.backward()


def test_another_failure_of_a_replay_ends_the_run(monkeypatch):
    def broken(*_):
        raise RuntimeError('CUDA error: an illegal memory access was encountered')

    plain, module = with_replays(monkeypatch, lambda: None)
    assert_trains_alike(plain, module, 3)
    module.forward._graphs = dict.fromkeys(module.forward._graphs, broken)
    with pytest.raises(RuntimeError, match='illegal memory access'):
        module(torch.randn(4, 3))


def test_outputs_have_their_memory_before_a_graph_changes_statistics(monkeypatch):
    plain, module = with_replays(monkeypatch, lambda: None)
    assert_trains_alike(plain, module, 3)
    full, real = [True], torch.empty_like

    def empty_like(*args, **kwargs):
        return out_of_memory() if full and full.pop() else real(*args, **kwargs)

    monkeypatch.setattr(torch, 'empty_like', empty_like)
    assert_trains_alike(plain, module, 2)
    assert not full and module.forward.group.off


class OfGpu(torch.Generator):
    """Stands for a generator of a GPU."""
    device = torch.device('cuda')


HELD = dict(numpy=np.random.default_rng(1), legacy=np.random.RandomState(1),
            python=random.Random(1), torch=torch.Generator().manual_seed(1),
            gpu=OfGpu().manual_seed(1))
DRAWS = {
    'random.random': random.random,
    'np.random.rand': np.random.rand,
    'a generator of NumPy': HELD['numpy'].random,
    'a RandomState': lambda: HELD['legacy'].randint(2),
    'a Random': lambda: HELD['python'].choice([0, 1]),
    'a generator of torch': lambda: torch.rand((), generator=HELD['torch']).item(),
    'a generator of a GPU': lambda: torch.rand((), generator=HELD['gpu']).item(),
    'by a builtin function': lambda: next(map(HELD['numpy'].integers, [2])),
    'a fresh generator of NumPy': lambda: np.random.default_rng().random(),
    'a fresh RandomState': lambda: np.random.RandomState().rand(),
    'a fresh Random': lambda: random.Random().random(),
    'a fresh generator of torch': lambda: torch.Generator().seed() * 0,
    'the system': lambda: random.SystemRandom().random(),
}


class Drawing(Part):
    """A part whose passes draw a number as ``draw`` does."""

    def __init__(self, draw):
        super().__init__()
        self.draw = draw

    def forward(self, x):
        return super().forward(x) if self.draw() < 2 else x


@pytest.mark.parametrize('name', DRAWS)
def test_what_draws_random_numbers_on_the_processor_is_not_captured(monkeypatch, name):
    stand_in(monkeypatch)
    printed = []
    monkeypatch.setattr(graphed, 'print_log', lambda text, *_: printed.append(text))
    module = Drawing(DRAWS[name])
    module.forward = GraphedForward(module)
    assert [step(module)[1] for _ in range(3)] == [None] * 3
    assert len(printed) == 1 and 'without a CUDA graph: it draws random numbers' in printed[0]
    assert sys.getprofile() is None


def look_at_states():
    """Reads and sets states, as checkpoints of activations do, and draws nothing."""
    HELD['python'].setstate(HELD['python'].getstate())
    HELD['legacy'].set_state(HELD['legacy'].get_state())
    HELD['torch'].set_state(HELD['torch'].get_state())
    return 0


def name_of_a_file_in_the_first_pass(passes=[]):  # noqa: B006
    passes.append(random.SystemRandom().random() if len(passes) == 1 else 0)
    return 0


@pytest.mark.parametrize('draw', [look_at_states, name_of_a_file_in_the_first_pass])
def test_what_draws_nothing_that_a_graph_would_repeat_is_captured(monkeypatch, draw):
    stand_in(monkeypatch)
    module = Drawing(draw)
    module.forward = GraphedForward(module)
    for _ in range(3):
        module(torch.randn(4, 3)).sum().backward()
    assert module.forward.captures == 1 and module.forward.forms()


def test_layers_that_draw_by_the_own_generator_of_a_gpu_are_captured(monkeypatch):
    stand_in(monkeypatch)
    monkeypatch.setattr(torch.cuda, 'default_generators', (HELD['gpu'], ))
    module = Drawing(DRAWS['a generator of a GPU'])
    module.forward = GraphedForward(module)
    for _ in range(2):
        module(torch.randn(4, 3)).sum().backward()
    assert module.forward.captures == 1 and module.forward.forms()


def test_a_profiler_of_the_users_stays(monkeypatch):
    stand_in(monkeypatch)
    module = Drawing(random.random)
    module.forward = GraphedForward(module)
    with cProfile.Profile():
        own = sys.getprofile()
        step(module), step(module)
        assert sys.getprofile() is own
    assert 'draws random numbers' in module.forward.reasons[0]
