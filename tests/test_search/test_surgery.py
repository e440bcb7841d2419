"""Removal of units from a living network: outputs, identity of parameters, formats."""
import copy

import any_nets
import pytest
import torch
from small_nets import NarrowModel, cut_at_random, initialised, input_image, narrow_backbone
from torch import nn

from mmst.models import SearchBlock, search_blocks
from mmst.search.graph.build import find_plan
from mmst.search.graph.channels import attach
from mmst.search.surgery import Cut, resize, resize_norm
from mmst.search.units import find_units

NOTHING = torch.tensor([], dtype=torch.long)


def make_block(in_channels=6, out_channels=9, stride=1, **kwargs):
    return initialised(SearchBlock(in_channels, out_channels, stride, expand_ratio=2, tokens=5,
                                   **kwargs))


def make_model():
    """A network that normalises well: its outputs are of the order of 1."""
    model = NarrowModel(transformer='none')
    for m in model.modules():
        if isinstance(m, nn.BatchNorm2d):
            m.momentum = None
    with torch.no_grad():
        model.train()(input_image(4))
    return model.eval()


# ------------------------------------------------------------------ outputs


@torch.no_grad()
def silence(group, dead):
    group.bn.weight[dead] = 0.
    group.bn.bias[dead] = 0.


@pytest.mark.parametrize('choose', [
    lambda labels: torch.rand(len(labels)) < 0.4,
    lambda labels: (labels == 3) & (torch.rand(len(labels)) < 0.5),
    lambda labels: (labels == 5) & (torch.rand(len(labels)) < 0.5),
    lambda labels: (labels == 7) & (torch.rand(len(labels)) < 0.5),
    lambda labels: labels == 3,
    lambda labels: labels == 5,
    lambda labels: labels == 7,
    lambda labels: labels != 5,
], ids=['any', 'some 3x3', 'some 5x5', 'some 7x7', 'all 3x3', 'all 5x5', 'all 7x7', '5x5 left'])
def test_removing_silent_channels_leaves_the_outputs_as_they_were(choose):
    model = make_model()
    dead = {}
    for name, group in find_units(model).items():
        dead[name] = choose(torch.tensor(group.kernel_sizes))
        silence(group, dead[name])
    with torch.no_grad():
        before = model(input_image())
        for name, group in find_units(model).items():
            group.keep((~dead[name]).nonzero().flatten(), Cut())
        after = model(input_image())
    assert sum(map(len, find_units(model).values())) == sum(int((~d).sum()) for d in dead.values())
    assert (after - before).abs().max() < 1e-5


def test_removing_all_channels_leaves_all_but_the_constant_of_the_last_norm():
    block = make_block(transformer='none').eval()
    silence(block.mixconv.search_units()['channels'], slice(None))
    x = torch.randn(2, 6, 7, 7)
    before = block(x)
    bn = block.mixconv.project_bn
    constant = bn.bias - bn.weight * bn.running_mean / (bn.running_var + bn.eps).sqrt()
    block.mixconv.keep(NOTHING, Cut())
    torch.testing.assert_close(block(x) + constant[:, None, None].detach(), before)


def test_a_block_after_a_removal_of_tokens_is_the_block_of_the_remaining_tokens():
    keep = torch.tensor([0, 2, 3])
    block = make_block().eval()
    small = SearchBlock(6, 9, expand_ratio=2, tokens=3).eval()
    state = block.state_dict()
    path = 'transformer.'
    for name in ('queries', 'input_proj.weight', 'input_bn.weight', 'input_bn.bias',
                 'input_bn.running_mean', 'input_bn.running_var'):
        state[path + name] = state[path + name][keep]
    state[path + 'output_proj.weight'] = state[path + 'output_proj.weight'][:, keep]
    small.load_state_dict(state)
    block.transformer.keep(keep, Cut())
    x = torch.randn(2, 6, 7, 7)
    assert torch.equal(block(x), small(x))
    assert list(block.state_dict()) == list(small.state_dict())


# ------------------------------------------- what a removal must leave as it is


def test_every_companion_is_indexed_where_it_has_the_parameters_shape():
    block = make_block()
    p = block.mixconv.expand.weight
    state = {p: dict(step=torch.tensor(3.), moment=torch.arange(36 * 6.).view_as(p), other='text',
                     scale=torch.ones(7))}
    masks = {p: dict(mask=torch.arange(36 * 6).view_as(p) % 5 == 0)}
    keep = torch.tensor([2, 17, 18])
    moment, mask = state[p]['moment'][keep], masks[p]['mask'][keep]
    block.mixconv.keep(keep, Cut(state, masks))
    assert torch.equal(state[p]['moment'], moment)
    assert torch.equal(masks[p]['mask'], mask) and mask.dtype == torch.bool
    assert state[p]['step'] == 3 and state[p]['other'] == 'text' and len(state[p]['scale']) == 7


def test_parameters_stay_the_same_objects():
    model = NarrowModel()
    before = dict(model.named_parameters())
    cut_at_random(model)
    after = dict(model.named_parameters())
    assert list(after) == list(before)
    assert all(after[name] is before[name] for name in before)
    assert any(p.numel() == 0 for p in after.values())


def test_a_parameter_that_ends_empty_requires_no_gradient_and_others_do():
    model = cut_at_random(NarrowModel())
    assert all(p.requires_grad == bool(p.numel()) for p in model.parameters())


def test_a_frozen_parameter_stays_frozen():
    block = make_block()
    block.mixconv.requires_grad_(False)
    block.mixconv.keep(torch.tensor([0, 1]), Cut())
    assert not any(p.requires_grad for p in block.mixconv.parameters())


def test_gradients_that_wait_for_their_step_are_cut_alike():
    block = make_block()
    block(torch.randn(2, 6, 8, 8)).sum().backward()
    expand, project = block.mixconv.expand.weight, block.mixconv.project.weight
    before = expand.grad[[0, 20]].clone(), project.grad[:, [0, 20]].clone()
    block.mixconv.keep(torch.tensor([0, 20]), Cut())
    assert torch.equal(expand.grad, before[0]) and torch.equal(project.grad, before[1])
    block(torch.randn(2, 6, 8, 8)).sum().backward()
    assert not torch.equal(expand.grad, before[0])


def test_no_gradient_is_left_of_a_parameter_that_ends_empty():
    block = make_block()
    block(torch.randn(2, 6, 8, 8)).sum().backward()
    block.mixconv.keep(torch.tensor([], dtype=torch.long), Cut())
    assert block.mixconv.expand.weight.grad is None


def test_a_removal_works_while_an_old_graph_is_alive():
    block = make_block()
    loss = block(torch.randn(2, 6, 8, 8)).sum()
    block.mixconv.keep(torch.tensor([0, 20]), Cut())
    block(torch.randn(2, 6, 8, 8)).sum().backward()
    assert loss.grad_fn is not None


def test_modules_describe_their_new_shapes():
    model = cut_at_random(NarrowModel())
    for m in model.modules():
        if isinstance(m, nn.Conv2d) and m.weight.numel():
            assert m.weight.shape == (m.out_channels, m.in_channels // m.groups, *m.kernel_size)
        elif isinstance(m, nn.BatchNorm2d):
            assert m.num_features == len(m.weight) == len(m.running_mean) == len(m.running_var)


def test_a_removal_can_follow_a_removal():
    block, twin = make_block(), make_block()
    twin.load_state_dict(block.state_dict())
    block.mixconv.keep(torch.tensor([1, 4, 13, 20, 33]), Cut())
    block.mixconv.keep(torch.tensor([0, 2, 4]), Cut())
    twin.mixconv.keep(torch.tensor([1, 13, 33]), Cut())
    x = torch.randn(2, 6, 8, 8)
    assert torch.equal(block.eval()(x), twin.eval()(x))


def test_keeping_everything_changes_nothing():
    block = make_block().eval()
    x = torch.randn(2, 6, 8, 8)
    before = block(x)
    for group in find_units(block).values():
        group.keep(torch.arange(len(group)), Cut())
    assert torch.equal(block(x), before)


# ------------------------------------------------------------------ formats


@pytest.mark.parametrize('form', [torch.channels_last, torch.contiguous_format])
def test_the_memory_format_stays(form):
    model = cut_at_random(NarrowModel(channels_last=False).to(memory_format=form))
    outputs = []
    for block in search_blocks(model).values():
        block.register_forward_hook(lambda m, inputs, output: outputs.append(output))
    model(input_image().contiguous(memory_format=form))
    assert outputs and all(out.is_contiguous(memory_format=form) for out in outputs)
    weights = [p for p in model.parameters() if p.dim() == 4 and p.numel()]
    assert all(p.is_contiguous(memory_format=form) for p in weights)


def test_a_weight_that_is_truly_channels_last_stays_so():
    conv = nn.Conv2d(6, 8, 3).to(memory_format=torch.channels_last)
    expected = conv.weight.detach()[2:5].clone()
    Cut()(conv, 'weight', 0, torch.tensor([2, 3, 4]))
    assert conv.weight.is_contiguous(memory_format=torch.channels_last)
    assert not conv.weight.is_contiguous()
    assert torch.equal(conv.weight, expected)


def test_networks_of_different_formats_and_types_are_cut_alike():
    model = NarrowModel().eval()
    copies = [model, copy.deepcopy(model).to(memory_format=torch.channels_last),
              copy.deepcopy(model).double(), copy.deepcopy(model).requires_grad_(False)]
    copies[3].backbone.channels_last = False
    for i, group in enumerate(find_units(model).values()):
        keep = (torch.rand(len(group)) > 0.5).nonzero().flatten()
        for other in copies:
            list(find_units_with_empty(other).values())[i].keep(keep, Cut())
    outputs = [other(input_image(dtype=next(other.parameters()).dtype)) for other in copies]
    scale = outputs[2].abs().max()
    for out in outputs:
        assert (out - outputs[2]).abs().max() < 1e-4 * scale
    shapes = [{name: t.shape for name, t in other.state_dict().items()} for other in copies]
    assert all(other == shapes[0] for other in shapes)


def find_units_with_empty(model):
    """All groups, so that an index means the same group before and after a removal."""
    return {f'{path}.{name}': group for path, m in model.named_modules()
            if hasattr(m, 'search_units') for name, group in m.search_units().items()}


# --------------------------------------------------------------------- resize


def test_resize_keeps_the_object_and_the_values_where_the_shape_is_there():
    conv = nn.Conv2d(3, 4, 1)
    p, values = conv.weight, conv.weight.detach().clone()
    resize(conv, 'weight', (4, 3, 1, 1))
    assert torch.equal(conv.weight, values)
    resize(conv, 'weight', (2, 3, 1, 1))
    assert conv.weight is p and p.shape == (2, 3, 1, 1)


def test_resize_to_nothing_and_back_switches_the_gradient_off_and_on():
    bn = nn.BatchNorm2d(4)
    resize_norm(bn, 0)
    assert bn.num_features == 0 and not bn.weight.requires_grad
    resize_norm(bn, 3)
    assert bn.num_features == 3 and bn.weight.requires_grad and bn.running_var.shape == (3, )


@pytest.mark.parametrize('kind', ['supernet', 'coupled'])
def test_an_index_moves_to_another_device_once_a_group(kind, monkeypatch):
    """Each copy waits for a GPU; ``meta`` stands for it."""
    model = narrow_backbone(tokens=4)
    if kind == 'coupled':
        model = any_nets.Read(any_nets.Residual)
        attach(model, find_plan(model, (16, 16)))
    model = model.to('meta')
    groups, moves, move = find_units(model), [], torch.Tensor.to
    monkeypatch.setattr(torch.Tensor, 'to', lambda self, *args, **kwargs: moves.append(
        args) or move(self, *args, **kwargs))
    cut = Cut()
    for group in groups.values():
        before = len(moves)
        group.keep(torch.arange(2), cut)
        assert len(moves) - before == 1 or (kind == 'coupled' and len(moves) - before <= 3)
    assert moves
