"""Training by CUDA graphs; without a GPU functions stand for them."""
import copy

import pytest
import torch
from small_nets import TwoBranches, cut_at_random, input_image
from torch import nn

from mmst.kernels.graph_parts import graph_parts
from mmst.kernels.ops import KernelOps
from mmst.kernels.side_streams import SideStreams
from mmst.models.hrnas.ops import use_ops

on_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')


@pytest.fixture
def pair(device):
    """Two equal networks in double precision, without dropout, the second with graphs."""
    plain = TwoBranches(transformer='all').train()
    for m in plain.modules():
        if isinstance(m, nn.Dropout):
            m.p = 0.
        if isinstance(getattr(m, 'dropout', None), float):
            m.dropout = 0.
    plain = plain.to(device, torch.float64)
    other = copy.deepcopy(plain)
    graph_parts(other)
    return plain, other


def train(model, steps, batch=2, passes=1, dtype=None, set_to_none=True):
    """Steps of SGD; each of several backward passes."""
    optimizer = torch.optim.SGD(model.parameters(), 1e-2)
    like = model.classifier.weight
    for i in range(steps):
        optimizer.zero_grad(set_to_none)
        for j in range(passes):
            image = input_image(batch).to(like) * (1 + i + 0.5 * j)
            with torch.autocast(like.device.type, dtype, enabled=dtype is not None):
                loss = model(image).to(like).square().mean()
            loss.backward()
        optimizer.step()


def assert_same(plain, other, tolerance=1e-9):
    for (name, a), b in zip(plain.state_dict().items(), other.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance, msg=name)


def captures(model):
    return [model.backbone.forward.captures, model.neck.forward.captures]


def test_training_by_graphs_equals_training_without(pair):
    for model in pair:
        train(model, 5)
    assert captures(pair[1]) == [1, 1]
    assert_same(*pair)


@on_gpu
def test_training_by_graphs_whose_paths_run_side_by_side_equals_training_without(pair):
    sides = SideStreams()
    for part in pair[1].backbone, pair[1].neck:
        part.forward.group.sides = sides
    use_ops(pair[1], KernelOps((), streams=sides))
    for model in pair:
        train(model, 5)
    assert captures(pair[1]) == [1, 1] and sides._streams
    assert_same(*pair)


@pytest.mark.parametrize('set_to_none', [True, False])
def test_accumulated_gradients_equal_those_without(pair, set_to_none):
    for model in pair:
        train(model, 3, passes=3, set_to_none=set_to_none)
    assert captures(pair[1]) == [1, 1]
    assert_same(*pair)


def test_a_search_is_followed_by_a_new_capture(pair):
    for model in pair:
        train(model, 3)
        torch.manual_seed(5)
        cut_at_random(model)
        train(model, 3)
    assert captures(pair[1]) == [2, 2]
    assert_same(*pair)


def test_a_capture_leaves_statistics_and_random_numbers_as_they_were(device):
    ends = []
    for graphs in (False, True):
        torch.manual_seed(3)
        model = TwoBranches(transformer='all').train().to(device)
        if graphs:
            graph_parts(model)
        model.neck.eval()  # its dropout draws after the backbone's
        outs = [model.backbone(input_image().to(device))[0] for _ in range(2)]
        ends.append([*outs, torch.rand(3, device=device), *model.buffers()])
    if device == 'cuda':  # a graph draws its numbers in another order
        ends = [end[3:] for end in ends]
    for a, b in zip(*ends, strict=True):
        torch.testing.assert_close(a, b)


def test_outputs_of_a_step_outlive_the_next(pair):
    outs, kept = [], []
    for i in range(4):
        outs.append(pair[1].backbone(input_image().to(pair[1].classifier.weight) * (1 + i))[0])
        kept.append(outs[-1].detach().clone())
        outs[-1].sum().backward()
    for out, copy_of_it in zip(outs, kept, strict=True):
        assert torch.equal(out, copy_of_it)


# ---------------------------------------------------------------------------------- on a GPU


@on_gpu
def test_mixed_precision_is_captured(pair):
    for model in pair:
        train(model.float(), 5, dtype=torch.bfloat16)
    assert captures(pair[1]) == [1, 1]
    assert_same(*pair, tolerance=5e-2)


@on_gpu
def test_random_numbers_differ_from_step_to_step_and_follow_the_seed():
    ends = []
    for _ in range(2):
        torch.manual_seed(3)
        model = TwoBranches(transformer='all').train().cuda()
        graph_parts(model)
        outs = []
        for _ in range(5):
            out = model(input_image().cuda())
            outs.append(out.detach().clone())
            out.sum().backward()
        ends.append(outs)
    assert not torch.equal(ends[0][3], ends[0][4])
    assert all(torch.allclose(a, b, rtol=1e-3, atol=1e-3) for a, b in zip(*ends, strict=True))
