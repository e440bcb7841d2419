"""Networks with the habits of other people's code: exact, or left alone and named."""
import copy

import odd_nets
import pytest
import torch
from small_nets import randomise_norms
from torch import nn

from mmst.errors import TicketError
from mmst.search.graph.build import find_plan
from mmst.search.graph.channels import attach
from mmst.search.graph.described import KEY, attach_described, describe_channels
from mmst.search.graph.verify import half, zero
from mmst.search.surgery import Cut
from mmst.search.units import find_units

SIZE = (16, 16)
#: Units of each group, and the layers that are left alone, of a kind each.
FOUND = dict(
    Twice=({'stem': 8}, []),
    TwoParents=({'stem': 8, 'one.shared': 6, 'one.last': 8}, []),
    SharedGroups=({'stem': 4}, []),
    OwnNorm=({'conv': 6, 'last': 8}, []),
    Buffers=({'last': 8}, ['conv']),
    Constants=({'last': 8}, ['conv']),
    Einsum=({'conv': 6}, ['last']),
    UnequalSplit=({'one': 8}, ['stem']),
    SeparateHeads=({'attend.q': 3}, ['stem']),
    TorchAttention=({'feed': 12}, ['stem']),
    TorchEncoder=({'layer.linear1': 12}, ['stem']),
    StochasticDepth=({'block': 6}, ['block', 'stem']),
    TrainingBranch=({'stem': 6, 'main': 8}, []),
    Checkpointed=({'stem': 6, 'one': 7, 'two': 8}, []),
    InPlace=({'last': 8, 'free': 6, 'end': 8}, ['stem']),
    Filled=({'last': 8}, ['one', 'two']),
    ChannelsLast=({'feed': 20, 'conv': 4}, []),
    GroupedUp=({'stem': 4, 'last': 8}, []),
    PixelShuffle=({'stem': 4, 'last': 8}, []),
    ChannelShuffle=({}, ['one', 'stem', 'two']),
    SelfConcatenated=({'stem': 6, 'last': 8}, []),
    SqueezeExcite=({'stem': 8, 'middle': 8, 'gate': 4}, ['other']),
    Tied=({'encode': 6}, ['stem']),
    Lists=({'stem': 8}, []),
    Slices=({'layers.0': 6, 'layers.2': 7, 'layers.4': 8}, []),
    Norms=({'one': 6, 'three': 6}, []),
    ByShape=({'stem': 6, 'small': 8}, ['wide']),
    WeightedSum=({'last': 8, 'four': 6}, ['one', 'three', 'two']),
    Normalised=({'last': 8}, ['norm', 'one', 'two']),
    Recurrent=({}, ['stem']),
    WeightNorm=({}, ['last', 'stem']),
    Volume=({'stem': 6, 'deep': 5, 'line': 7, 'last': 8}, []))


def network(kind):
    torch.manual_seed(0)
    return randomise_norms(odd_nets.OddNetwork(kind)).double().eval()


def layer(name):
    """Name of a layer in a kind's code."""
    name = name.removeprefix('backbone.').rpartition('.')[0]
    while name.rpartition('.')[2].isdigit() and not name.startswith('layers.'):
        name = name.rpartition('.')[0]
    return '.'.join(name.split('.')[:2])


@pytest.mark.parametrize('kind', FOUND)
def test_channels_go_exactly_or_their_layer_is_named(kind):
    model = network(kind)
    plan = find_plan(model, SIZE)
    units, alone = FOUND[kind]
    assert {layer(name): group.units for name, group in plan.groups.items()} == units
    assert {layer(name) for name in plan.left_alone} == set(alone)
    attach(model, plan)
    fresh = copy.deepcopy(model)
    keep = {name: half(group.units) for name, group in plan.groups.items()}
    zero(model, plan, keep)
    image = torch.randn(2, 3, *SIZE, dtype=torch.double)
    with torch.no_grad():
        before, groups = model(image), find_units(model)
        for name, index in keep.items():
            groups[name].keep(index, Cut())
        after = model(image)
        assert torch.allclose(before, after, rtol=0, atol=1e-12)
        fresh.load_state_dict(model.state_dict())
        assert torch.equal(fresh(image), after)
        # A network of another size of image takes the other way through its code.
        model(torch.randn(1, 3, 64, 64, dtype=torch.double))


def cut_in_half(model):
    plan = find_plan(model, SIZE)
    attach(model, plan)
    for name, group in find_units(model).items():
        group.keep(half(plan.groups[name].units), Cut())
    return model


@pytest.mark.parametrize('kind, module, key', [
    ('SeparateHeads', 'backbone.attend', 'num_heads'), ('SharedGroups', 'backbone.two', 'groups')])
def test_numbers_that_modules_hold_follow_in_a_network_that_is_rebuilt(kind, module, key):
    model = cut_in_half(network(kind))
    again = attach_described(network(kind), dict(describe_channels(model)))
    again.load_state_dict(model.state_dict())
    image = torch.randn(2, 3, *SIZE, dtype=torch.double)
    assert torch.equal(again(image), model(image))
    whole = getattr(network(kind).get_submodule(module), key)
    assert getattr(again.get_submodule(module), key) == whole // 2 < whole


@pytest.mark.parametrize('attribute', [
    ['backbone.attend', 'width', 1], ['backbone.attend', 'num_heads', 2], ['backbone', 'stem', 1],
    ['backbone.nothing', 'num_heads', 1], ['backbone.attend', 'num_heads'],
    ['backbone.attend', 'training', 1]])
def test_numbers_that_no_module_holds_are_refused(attribute):
    data = describe_channels(cut_in_half(network('SeparateHeads')))
    data[KEY]['groups']['backbone.attend.q.channels']['attributes'] = [attribute]
    with pytest.raises(TicketError, match='channels of the network'):
        attach_described(network('SeparateHeads'), data)


def test_part_of_a_network_keeps_its_numbers():
    model = cut_in_half(network('SeparateHeads'))
    part = attach_described(network('SeparateHeads').backbone, describe_channels(model), 'backbone')
    part.load_state_dict(model.backbone.state_dict())
    assert part.attend.num_heads == 1


class Blocks(nn.Module):
    """Holds the same number twice, of which one follows and the other does not."""

    def __init__(self):
        super().__init__()
        self.stem, self.heads, self.parts = nn.Conv2d(3, 8, 1), 4, 4
        self.one, self.two = nn.Linear(8, 8), nn.Linear(8, 8)
        self.last = nn.Conv2d(8, 2, 1)

    def forward(self, x):
        x = self.stem(x).flatten(2).transpose(1, 2)
        n, length, _ = x.shape
        x = x.reshape(n * self.parts, length // self.parts, -1)
        y = self.one(x).view(*x.shape[:2], self.heads, 2).softmax(-1) * self.two(x).view(
            *x.shape[:2], self.heads, 2)
        return self.last(y.flatten(2).mean(1)[..., None, None])


def test_numbers_that_happen_to_be_equal_are_distinguished():
    model = Blocks().double().eval()
    plan = find_plan(model, SIZE)
    assert not any('parts' in a for group in plan.groups.values() for a in group.attributes)


def test_search_for_units_leaves_random_numbers_as_they_are():
    import random

    import numpy as np
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    expected = random.random(), np.random.rand(), float(torch.rand(1))
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    find_plan(network('StochasticDepth'), SIZE)
    torch.manual_seed(1)
    assert (random.random(), np.random.rand(), float(torch.rand(1))) == expected
