"""Costs of a shrinking network by arithmetic: equal to a trace's, to the last multiply-add."""
import any_nets
import pytest
import torch
from small_nets import NarrowModel, narrow_backbone
from torch import nn

from mmst.costs import network_costs as module
from mmst.costs.cost import feature_sizes, layer_costs, total
from mmst.costs.network_costs import NetworkCosts
from mmst.models.hrnas.search_block import SearchBlock
from mmst.search.graph.build import find_plan
from mmst.search.graph.channels import attach
from mmst.search.surgery import Cut
from mmst.search.target import copy_without_units
from mmst.search.unit_group import UnitGroup
from mmst.search.units import find_units

SIZE = (40, 56)


class Own(nn.Module):
    """Units of a user's module; ``cost`` may be missing, or wrong."""

    def __init__(self, cost=None, width=6):
        super().__init__()
        self.conv, self.bn = nn.Conv2d(3, width, 3), nn.BatchNorm2d(width)
        self.out, self._cost = nn.Conv2d(width, 2, 1), cost

    def forward(self, x):
        return self.out(self.bn(self.conv(x)))

    def keep(self, index, cut):
        for name in ('weight', 'bias'):
            cut(self.conv, name, 0, index)
        cut.norm(self.bn, index)
        cut(self.out, 'weight', 1, index)
        self.conv.out_channels = self.out.in_channels = len(index)

    def search_units(self):
        width = len(self.bn.weight)
        return dict(channels=UnitGroup('channel', self.bn, [3] * width, self.keep, lambda *_: (
            torch.full((width, ), 29.)), minimum=1, cost=self._cost))


class Squared(Own):
    """Multiplies all channels with each other, e.g. for their correlations."""

    def forward(self, x):
        x = self.bn(self.conv(x)).flatten(2)
        return x @ x.transpose(1, 2) @ x


def right(counts, in_hw, out_hw):
    width, places = sum(counts.values()), out_hw[0] * out_hw[1]
    return 32 * width, 29 * width * places


def coupled(kind):
    model = any_nets.Read(kind)
    attach(model, find_plan(model, (16, 16)))
    return model


def mobile_net():
    backbones = pytest.importorskip('mmpretrain.models.backbones')
    return backbones.MobileNetV2(widen_factor=0.25, out_indices=(7, ))


NETWORKS = dict(
    supernet=NarrowModel,
    supernet_without_transformers=lambda: narrow_backbone(transformer='none', **SMALL),
    classification=lambda: nn.Sequential(SearchBlock(3, 8, 2, tokens=4), nn.AdaptiveAvgPool2d(1),
                                         nn.Flatten(), nn.Linear(8, 3)),
    adapter=mobile_net,
    own_units=lambda: Own(right),
    own_units_without_costs=Own,
    own_units_of_different_costs=Squared,
    own_units_with_wrong_costs=lambda: Own(lambda counts, *_: (32 * sum(counts.values()), 7)),
    nothing_to_search=lambda: nn.Conv2d(3, 4, 3),
    **{kind.__name__: lambda kind=kind: coupled(kind) for kind in any_nets.KINDS})
SMALL = dict(channels=((4, ), (4, 6)), depths=((1, ), (1, 1)))
#: Networks whose units do not cost what is said of them, or not all the same.
TRACED = {'own_units_with_wrong_costs', 'own_units_of_different_costs'}


@pytest.fixture(params=NETWORKS)
def network(request):
    torch.manual_seed(0)
    return request.param, NETWORKS[request.param]()


def traced(model):
    return total(layer_costs(model, SIZE))


def choose(model, share, generator):
    """Some units of some groups, down to the least that each group needs."""
    found = {}
    for name, group in find_units(model).items():
        if torch.rand(1, generator=generator) < 0.8:
            stays = torch.rand(len(group), generator=generator) < share
            stays[:group.minimum] = True
            if not bool(stays.all()):
                found[name] = stays.nonzero().flatten().tolist()
    return found


@pytest.mark.by_turns(4)
def test_costs_equal_those_of_a_trace_whatever_units_are_left(network, monkeypatch):
    name, model = network
    costs, generator = NetworkCosts(SIZE), torch.Generator().manual_seed(1)
    assert costs(model) == traced(model)
    count, traces = module.count_macs, []
    if name not in TRACED:
        monkeypatch.setattr(module, 'count_macs', lambda *args: traces.append(args) or count(*args))
        monkeypatch.setattr(module, 'layer_costs', lambda *args: traces.append(args))
    for share in (0.9, 0.5, 0.):
        keep = choose(model, share, generator)
        expected = traced(copy_without_units(model, keep))
        found = costs.remaining(model)(keep)
        assert found == expected
        assert list(map(type, found.values())) == list(map(type, expected.values()))
        groups = find_units(model)
        for group, index in keep.items():
            groups[group].keep(torch.tensor(index, dtype=torch.long), Cut())
        assert costs(model) == expected
    assert not traces


def test_only_what_is_known_to_be_exact_is_computed(network):
    name, model = network
    assert (module.learn(model, SIZE).formula is None) == (name in TRACED)


def test_sizes_are_those_of_the_whole_network_and_nothing_is_changed(network):
    _, model = network
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    assert NetworkCosts(SIZE).feature_sizes(model) == feature_sizes(model, SIZE)
    after = model.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


def test_a_network_that_is_searched_already_is_learned_too():
    model = narrow_backbone(**SMALL)
    for group in find_units(model).values():
        group.keep(torch.arange(1), Cut())
    empty = next(iter(find_units(model).values()))
    empty.keep(torch.arange(0), Cut())
    assert NetworkCosts(SIZE)(model) == traced(model)


def test_a_change_of_something_else_is_noticed():
    model = nn.Sequential(Own(right), nn.Conv2d(2, 3, 1))
    costs = NetworkCosts(SIZE)
    costs(model)
    model[1] = nn.Conv2d(2, 30, 1)
    assert costs(model) == traced(model)


def test_another_network_is_not_taken_for_the_former_one():
    costs = NetworkCosts(SIZE)
    for model in (Own(right), narrow_backbone(**SMALL), Own(right, width=7)):
        assert costs(model) == traced(model)
