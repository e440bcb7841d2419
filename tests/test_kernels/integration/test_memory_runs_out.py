"""Where memory runs out for CUDA graphs, training goes on without them, or ends with a remedy."""
import copy

import pytest
import torch
from graphs import Part, counted, no_room_for_cublas, out_of_memory, stand_in, step

from mmst.errors import TrainingError
from mmst.kernels import captured_pass, graphed
from mmst.kernels.graphed import GraphedForward
from mmst.kernels.side_streams import SideStreams


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
