"""Coupled channels of small networks: which there are, and removing them is exact."""
import copy

import any_nets
import pytest
import torch
from small_nets import randomise_norms
from torch import nn

from mmst.search.graph.build import count_covered, find_plan
from mmst.search.graph.channels import attach
from mmst.search.graph.verify import half, zero
from mmst.search.surgery import Cut
from mmst.search.units import find_units

SIZE = (16, 16)
#: Units of each group, by kind.
UNITS = dict(
    Residual=dict(stem=8, one=6, two=4),
    Depthwise=dict(stem=6, expand=12),
    Concatenated=dict(left=4, right=6, up=5),
    Shuffled=dict(stem=4),
    Grouped=dict(conv=4),
    Flattened=dict(conv=6, linear=8),
    Transformer=dict(attention=3, feed=20))


def network(kind):
    torch.manual_seed(0)
    model = randomise_norms(any_nets.Read(kind)).double().eval()
    for module in model.modules():
        if isinstance(module, nn.GroupNorm):
            nn.init.uniform_(module.weight, .5, 1.5)
    return model


@pytest.mark.parametrize('kind', any_nets.KINDS, ids=lambda kind: kind.__name__)
def test_coupled_channels_are_one_group(kind):
    model = network(kind)
    plan = find_plan(model, SIZE)
    assert not plan.left_alone
    found = {name.split('.')[1]: group.units for name, group in plan.groups.items()}
    assert found == UNITS[kind.__name__]
    inside, total = count_covered(model, plan)
    assert inside == total


@pytest.mark.parametrize('kind', any_nets.KINDS, ids=lambda kind: kind.__name__)
def test_removing_units_whose_scales_are_0_changes_no_output(kind):
    model = network(kind)
    plan = find_plan(model, SIZE)
    attach(model, plan)
    keep = {name: half(group.units) for name, group in plan.groups.items()}
    zero(model, plan, keep)
    image = torch.randn(2, 3, *SIZE, dtype=torch.double)
    before, parameters = model(image), dict(model.named_parameters())
    groups = find_units(model)
    for name, index in keep.items():
        groups[name].keep(index, Cut())
        assert len(find_units(model)[name]) == len(index)
    after = model(image)
    assert torch.allclose(before, after, rtol=0, atol=1e-12)
    assert all(parameters[name] is p for name, p in model.named_parameters())
    assert sum(p.numel() for p in parameters.values()) < sum(
        p.numel() for p in network(kind).parameters())


@pytest.mark.parametrize('kind', any_nets.KINDS, ids=lambda kind: kind.__name__)
def test_removal_goes_on_from_what_is_left_and_a_state_finds_its_shapes(kind):
    model = network(kind)
    attach(model, find_plan(model, SIZE))
    fresh = copy.deepcopy(model)
    for step in range(2):
        for group in find_units(model).values():
            if len(group) > 2:
                group.keep(torch.tensor([i for i in range(len(group)) if i != 1 - step]), Cut())
    image = torch.randn(2, 3, *SIZE, dtype=torch.double)
    expected = model(image)
    fresh.load_state_dict(model.state_dict())
    assert torch.equal(fresh(image), expected)
    # The loaded network loses the same units as the one that was cut.
    for one in (model, fresh):
        for group in find_units(one).values():
            group.keep(torch.arange(1, len(group)) if len(group) > 1 else torch.tensor([0]), Cut())
    assert torch.equal(fresh(image), model(image))


def test_layers_that_say_their_widths_say_those_that_are_left():
    model = network(any_nets.Residual)
    attach(model, find_plan(model, SIZE))
    groups = find_units(model)
    groups['body.two.0.0.channels'].keep(torch.tensor([1, 3]), Cut())
    conv, norm = model.body.two[2]
    assert (conv.in_channels, conv.out_channels, conv.groups) == (6, 6, 2)
    assert norm.num_features == 6


def test_class_scores_and_channels_without_scales_are_no_units():
    plan = find_plan(network(any_nets.Depthwise), SIZE)
    touched = {side for group in plan.groups.values() for side in group.members}
    assert ('classifier.weight', 1) in touched and ('classifier.weight', 0) not in touched
    assert ('body.squeeze.1.weight', 0) not in touched


class Mixed(nn.Module):
    """Standardises its channels together: none of them can go alone."""

    def __init__(self):
        super().__init__()
        self.conv, self.other = any_nets.conv_bn(3, 6), any_nets.conv_bn(3, 6)
        self.last = nn.Conv2d(12, 2, 1)

    def forward(self, x):
        x, y = self.conv(x), self.other(x)
        return self.last(torch.cat([x / (1 + x.mean(1, keepdim=True)), y], 1))


def test_channels_that_are_averaged_together_stay():
    plan = find_plan(Mixed().eval(), SIZE)
    assert list(plan.groups) == ['other.0.channels']
    assert 'needs all of them' in plan.left_alone['conv.1.weight']


class Pair(nn.Module):
    """Two pairs of channels that are shuffled until each goes with every other one."""

    def __init__(self):
        super().__init__()
        self.conv, self.last = any_nets.conv_bn(3, 4), nn.Conv2d(4, 2, 1)

    def forward(self, x):
        x = self.conv(x)
        n, c, h, w = x.shape
        for _ in range(2):
            x = x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)
            x = torch.cat(x.chunk(2, 1)[::-1], 1)
        x = torch.cat([x[:, :1] + x[:, 1:2], x[:, 1:]], 1)
        return self.last(x)


def test_channels_that_can_only_go_all_together_are_named():
    plan = find_plan(Pair().eval(), SIZE)
    assert not plan.groups
    assert plan.left_alone == {'conv.1.weight': 'its channels can only go all together'}


class Shifted(nn.Module):
    """A sigmoid makes a half of nothing, so that its channels are missed."""

    def __init__(self):
        super().__init__()
        self.conv, self.last = any_nets.conv_bn(3, 6), nn.Conv2d(6, 2, 1)

    def forward(self, x):
        return self.last(self.conv(x).sigmoid())


def test_group_whose_removal_is_not_exact_is_left_alone_with_the_reason():
    plan = find_plan(Shifted().eval(), SIZE)
    assert not plan.groups
    assert plan.left_alone == {'conv.0.channels': 'outputs change where its scales are 0'}


class Rigid(nn.Module):
    """Knows its width by heart."""

    def __init__(self):
        super().__init__()
        self.conv, self.last = any_nets.conv_bn(3, 6), nn.Conv2d(6, 2, 1)

    def forward(self, x):
        return self.last(self.conv(x).reshape(len(x), 6, *x.shape[2:]))


def test_network_that_fixes_a_width_in_its_code_keeps_it():
    plan = find_plan(Rigid().eval(), SIZE)
    assert not plan.groups
    assert 'cannot run' in plan.left_alone['conv.0.channels']


def test_units_cost_the_multiply_adds_of_all_weights_that_they_are_in():
    model = network(any_nets.Residual)
    attach(model, find_plan(model, SIZE))
    group = find_units(model)['body.one.0.0.channels']
    assert group.macs((0, 0), (0, 0)).tolist() == [16 * 16 * 9 * (8 + 8)] * 6


def test_network_itself_is_not_changed_by_the_search_for_units():
    model = network(any_nets.Residual).train()
    before = copy.deepcopy(model.state_dict())
    find_plan(model, SIZE)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert model.training and all(m.training for m in model.modules())
