"""Search units of a user's own block or adapter that are wrong are named with its class."""
import pytest
import torch
from torch import nn

from mmst.errors import ConfigError
from mmst.registry import UNIT_ADAPTERS
from mmst.search.cost import unit_macs
from mmst.search.searcher import Searcher
from mmst.search.surgery import Cut
from mmst.search.target import copy_without_units
from mmst.search.unit_adapter import UnitAdapter
from mmst.search.unit_group import UnitGroup
from mmst.search.units import find_units


class Block(nn.Module):
    """Offers four units, with functions that are the case's."""

    def __init__(self, keep=None, macs=None, cost=None):
        super().__init__()
        self.bn, self.cost = nn.BatchNorm2d(4), cost
        self.keep = keep or (lambda index, cut: cut.norm(self.bn, index))
        self.macs = macs or (lambda *sizes: torch.ones(len(self.bn.weight)))

    def search_units(self):
        return dict(hidden=UnitGroup('channel', self.bn, [1] * len(self.bn.weight), self.keep,
                                     self.macs, cost=self.cost))


class Counter:
    unit = 'macs'

    def __call__(self, model):
        return dict(params=1, macs=1)

    def unit_costs(self, model, groups):
        return unit_macs(groups, {})


def fail(*given):
    raise KeyError('width')


def network(block):
    return nn.Sequential(nn.Conv2d(3, 4, 1), block)


@pytest.mark.parametrize('macs, words', [
    (lambda *sizes: torch.ones(3), r'macs\(\) returns \(3,\), and the group has 4 units'),
    (lambda *sizes: [1] * 4, r'macs\(\) returns list'),
    (fail, r"macs\(\) fails \(KeyError: 'width'\)")])
def test_multiply_adds_that_are_wrong_are_refused(macs, words):
    groups = find_units(network(Block(macs=macs)))
    with pytest.raises(ConfigError, match=f"^search_units of Block = 'hidden': {words}"):
        unit_macs(groups, {})


@pytest.mark.parametrize('keep, words', [
    (fail, r"keep\(\) fails \(KeyError: 'width'\)"),
    (lambda index, cut: None, r'keep\(\) leaves 4 units of the batch norm, and was to leave 2')])
def test_a_removal_that_is_wrong_names_the_block_in_each_place_that_removes(keep, words):
    model, match = network(Block(keep)), f"^search_units of Block = 'hidden': {words}"
    with pytest.raises(ConfigError, match=match):
        copy_without_units(model, {'1.hidden': [0, 2]})
    searcher = Searcher(Counter(), threshold=0.5)
    searcher.begin(model)
    with torch.no_grad():
        model[1].bn.weight.copy_(torch.tensor([0., 1., 0., 1.]))
    with pytest.raises(ConfigError, match=match):
        searcher.step(model)


def test_a_formula_that_fails_names_the_block():
    group = find_units(network(Block(cost=fail)))['1.hidden']
    with pytest.raises(ConfigError, match=r"^search_units of Block = 'hidden': cost\(\) fails"):
        group.cost({1: 2}, (1, 1), (1, 1))


@pytest.mark.parametrize('units, words', [
    (lambda: fail(), r"it fails \(KeyError: 'width'\)"),
    (lambda: [1], r'must be groups by their names'),
    (lambda: dict(hidden=3), r'is a int')])
def test_a_method_that_gives_no_groups_is_named(units, words):
    block = Block()
    block.search_units = units
    with pytest.raises(ConfigError, match=f'^search_units of Block = .*: {words}'):
        find_units(network(block))


def test_an_adapter_is_named_by_its_own_class(monkeypatch):
    class Plain(nn.Sequential):
        pass

    class PlainAdapter(UnitAdapter):
        def search_units(self):
            return Block(keep=fail).search_units()

        def rebuild(self, state_dict, prefix, full):
            pass

    monkeypatch.setitem(UNIT_ADAPTERS.module_dict, f'{Plain.__module__}.{Plain.__qualname__}',
                        PlainAdapter)
    group = find_units(network(Plain()))['1.hidden']
    with pytest.raises(ConfigError, match=r"^search_units of PlainAdapter = 'hidden': keep\(\)"):
        group.keep(torch.tensor([0]), Cut())
