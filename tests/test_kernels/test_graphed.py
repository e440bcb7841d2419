"""CUDA graphs of training passes: when they are captured, and that nothing else changes."""
import copy
import gc
import weakref
from contextlib import contextmanager

import pytest
import torch
from graphs import counted, step
from small_nets import NarrowModel, input_image
from torch import nn

from mmst.errors import TrainingError
from mmst.kernels import graphed, module_state
from mmst.kernels.graph_parts import graph_parts


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
