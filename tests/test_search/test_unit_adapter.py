"""How an adapter is found: by the name of a class, without the class."""
import subprocess
import sys

import pytest
import torch
from torch import nn

from mmst.registry import UNIT_ADAPTERS
from mmst.search.adapters import UnitAdapter, accept_searched_states
from mmst.search.surgery import Cut
from mmst.search.units import UnitGroup, adapter_of, find_units, offers_units


class Foreign(nn.Module):
    """A pair of layers with a BN between, of a package that knows nothing of searches."""

    def __init__(self, width=3):
        super().__init__()
        self.first, self.bn, self.second = nn.Linear(2, width), nn.BatchNorm1d(width), nn.Linear(
            width, 2)


class ForeignAdapter(UnitAdapter):

    def search_units(self):
        bn = self.module.bn
        return dict(inner=UnitGroup('channel', bn, [1] * len(bn.weight), self.keep, None))

    def keep(self, index, cut):
        cut(self.module.first, 'weight', 0, index)
        cut(self.module.first, 'bias', 0, index)
        cut.norm(self.module.bn, index)
        cut(self.module.second, 'weight', 1, index)

    def rebuild(self, state_dict, prefix, full):
        width = len(state_dict[f'{prefix}bn.weight'])
        assert width <= full['inner']
        self.keep(torch.arange(width), Cut())


@pytest.fixture
def registered():
    name = f'{Foreign.__module__}.{Foreign.__qualname__}'
    UNIT_ADAPTERS.register_module(name, module=ForeignAdapter)
    yield
    del UNIT_ADAPTERS._module_dict[name]


def test_an_adapter_is_found_by_the_name_of_the_class(registered):
    model = nn.Sequential(nn.ReLU(), Foreign())
    assert isinstance(adapter_of(model[1]), ForeignAdapter) and adapter_of(model[0]) is None
    groups = find_units(model)
    assert set(groups) == {'1.inner'} and groups['1.inner'].minimum == 0
    assert offers_units(model[1]) and not offers_units(model[0])


def test_without_an_adapter_there_are_no_units():
    assert adapter_of(Foreign()) is None and find_units(Foreign()) == {}


def test_rebuilding_reaches_the_module_with_its_own_keys(registered):
    model, fresh = nn.Sequential(nn.ReLU(), Foreign()), accept_searched_states(
        nn.Sequential(nn.ReLU(), Foreign()))
    find_units(model)['1.inner'].keep(torch.tensor([0, 2]), Cut())
    fresh.load_state_dict(model.state_dict())
    assert torch.equal(fresh[1].first.weight, model[1].first.weight)
    assert fresh[1].mmst_full_widths == dict(inner=3)


def test_looking_adapters_up_imports_no_toolbox():
    code = ('import sys, torch, mmst\n'
            'from mmst.search.units import find_units\n'
            'assert find_units(torch.nn.Linear(1, 1)) == {}\n'
            'from mmst.registry import UNIT_ADAPTERS\n'
            'assert len(UNIT_ADAPTERS.module_dict) >= 3\n'
            "assert not {'mmpretrain', 'mmseg', 'mmpose', 'mmdet'} & set(sys.modules)\n")
    subprocess.run([sys.executable, '-W', 'ignore', '-c', code], check=True, timeout=120)
