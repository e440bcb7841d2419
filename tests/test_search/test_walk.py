"""Walks over networks give what torch's own give, in its order."""
import any_nets
import pytest
from small_nets import NarrowModel
from torch import nn

from mmst.search.walk import parameter_count, parameters, parameters_named, walk


def shared():
    """A module twice, below different parents, a weight of two layers, and an empty place."""
    inner = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
    model = nn.ModuleDict(dict(a=nn.Sequential(inner, nn.Linear(3, 3)), b=inner, c=nn.Identity()))
    model['a'][1].weight = inner[0].weight
    model['a'].register_module('none', None)
    model['a'].register_parameter('nothing', None)
    return model


@pytest.mark.parametrize('make', [NarrowModel, lambda: any_nets.Read(any_nets.Depthwise), shared,
                                  lambda: nn.Linear(2, 2)])
def test_modules_and_parameters_are_torchs_in_its_order(make):
    model = make()
    assert list(walk(model)) == list(model.named_modules())
    assert list(parameters(walk(model))) == [name for name, _ in model.named_parameters()]
    assert all(parameters(walk(model))[name] is p for name, p in model.named_parameters())
    named = dict(model.named_parameters())
    assert parameter_count(model) == sum(p.numel() for p in named.values())
    assert parameters_named(model, []) == {}
    some = parameters_named(model, list(named)[::-1])
    assert list(some) == list(named)[::-1] and all(some[name] is p for name, p in named.items())
