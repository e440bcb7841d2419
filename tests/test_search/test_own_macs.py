"""Functions of one's own that count multiply-adds wrongly are named."""
import pytest
import torch
from torch import nn

from mmst.errors import ConfigError
from mmst.search.cost import unit_macs
from mmst.search.unit_group import UnitGroup


class Block:
    def short(self, in_hw, out_hw):
        return torch.ones(3)

    def failing(self, in_hw, out_hw):
        raise KeyError('width')


@pytest.mark.parametrize('macs, words', [
    (Block().short, r"'Block.short': macs\(\) returns \(3,\), and the group has 4 units"),
    (Block().failing, r"'Block.failing': macs\(\) fails \(KeyError: 'width'\)")])
def test_multiply_adds_of_another_number_of_units_are_refused(macs, words):
    group = UnitGroup('channel', nn.BatchNorm2d(4), [1] * 4, lambda index, cut: None, macs)
    with pytest.raises(ConfigError, match=f'^search_units of a.channels = {words}'):
        unit_macs({'a.channels': group}, {})
