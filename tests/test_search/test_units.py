"""Search units: how they are found, named, labelled and costed."""
import copy

import pytest
import torch
from small_nets import NarrowModel, cut_at_random, initialised, narrow_backbone
from torch import nn

from mmst.costs.cost import feature_sizes, layer_costs, total
from mmst.models import SearchBlock, search_blocks
from mmst.search.cost import unit_macs
from mmst.search.surgery import Cut
from mmst.search.units import UnitGroup, find_again, find_units, module_path

#: Odd, so that rounding differs between what enters and what leaves a strided block.
INPUT_SHAPE = (33, 47)


class OneBlock(nn.Sequential):
    """A search block behind a plain convolution."""

    def __init__(self, in_channels=6, out_channels=9, stride=2, **kwargs):
        block = SearchBlock(in_channels, out_channels, stride, expand_ratio=2, tokens=5, **kwargs)
        super().__init__(nn.Conv2d(3, in_channels, 1, bias=False), initialised(block))


def macs(model):
    return total(layer_costs(model, INPUT_SHAPE))['macs']


def test_groups_are_named_by_the_path_of_their_module():
    groups = find_units(OneBlock())
    assert set(groups) == {'1.mixconv.channels', '1.transformer.tokens'}
    assert module_path('1.mixconv.channels') == '1.mixconv'


def test_a_module_that_is_the_model_itself_has_no_path():
    block = SearchBlock(4, 4, tokens=3)
    assert set(find_units(block.mixconv)) == {'channels'}
    assert module_path('channels') == ''


def test_backbone_and_neck_both_offer_their_units():
    model = NarrowModel()
    groups = find_units(model)
    blocks = search_blocks(model)
    assert set(groups) == ({f'{name}.mixconv.channels' for name in blocks}
                           | {f'{name}.transformer.tokens' for name in blocks})
    assert any(name.startswith('neck.') for name in groups)


def test_labels_are_kernel_sizes_in_order_and_0_for_tokens():
    groups = find_units(OneBlock())
    assert groups['1.mixconv.channels'].kernel_sizes == [3] * 12 + [5] * 12 + [7] * 12
    assert groups['1.mixconv.channels'].kind == 'channel'
    assert groups['1.transformer.tokens'].kernel_sizes == [0] * 5
    assert groups['1.transformer.tokens'].kind == 'token'


def test_counts_follow_a_removal():
    model = OneBlock()
    find_units(model)['1.mixconv.channels'].keep(torch.tensor([0, 2, 30]), Cut())
    find_units(model)['1.transformer.tokens'].keep(torch.tensor([4]), Cut())
    groups = find_units(model)
    assert groups['1.mixconv.channels'].count_by_label() == {3: 2, 7: 1}
    assert len(groups['1.mixconv.channels']) == 3
    assert groups['1.transformer.tokens'].count_by_label() == {0: 1}


def test_groups_without_units_are_not_listed():
    model = OneBlock()
    find_units(model)['1.transformer.tokens'].keep(torch.tensor([], dtype=torch.long), Cut())
    assert set(find_units(model)) == {'1.mixconv.channels'}
    find_units(model)['1.mixconv.channels'].keep(torch.tensor([], dtype=torch.long), Cut())
    assert find_units(model) == {}


def test_importance_is_the_scale_of_the_depthwise_and_of_the_input_norm():
    model = OneBlock()
    groups = find_units(model)
    assert groups['1.mixconv.channels'].gamma is model[1].mixconv.depthwise_bn.weight
    assert groups['1.transformer.tokens'].gamma is model[1].transformer.input_bn.weight


def test_groups_see_modules_that_were_replaced_by_wrapping():
    model = nn.SyncBatchNorm.convert_sync_batchnorm(OneBlock())
    for group in find_units(model).values():
        assert isinstance(group.bn, nn.SyncBatchNorm)
    find_units(model)['1.mixconv.channels'].keep(torch.tensor([1]), Cut())
    assert len(find_units(model)['1.mixconv.channels']) == 1


def test_any_module_can_offer_units():

    class Slim(nn.Module):

        def __init__(self):
            super().__init__()
            self.bn = nn.BatchNorm2d(3)

        def search_units(self):
            return dict(own=UnitGroup('channel', self.bn, [1] * 3, None, None))

    assert set(find_units(nn.Sequential(nn.ReLU(), Slim()))) == {'1.own'}


@pytest.mark.parametrize('shape', [(6, 6, 1), (6, 9, 1), (6, 9, 2)])
@pytest.mark.parametrize('removed', [[0], [17], [35], [3, 11, 12, 25, 26]])
def test_macs_of_channels_are_what_the_network_saves_without_them(shape, removed):
    model = OneBlock(*shape)
    group = find_units(model)['1.mixconv.channels']
    costs = unit_macs({'1.mixconv.channels': group}, feature_sizes(model, INPUT_SHAPE))
    before = macs(model)
    keep = torch.tensor([i for i in range(len(group)) if i not in removed])
    group.keep(keep, Cut())
    assert before - macs(model) == float(costs['1.mixconv.channels'][removed].sum())


@pytest.mark.parametrize('label', [3, 5, 7])
def test_macs_of_a_kernel_size_are_what_the_network_saves_without_it(label):
    model = narrow_backbone(transformer='none')
    sizes = feature_sizes(model, INPUT_SHAPE)
    before, saved = macs(model), 0.
    for name, group in find_units(model).items():
        if group.kind == 'channel':
            of_label = torch.tensor(group.kernel_sizes) == label
            saved += float(group.macs(*sizes[module_path(name)])[of_label].sum())
            group.keep((~of_label).nonzero().flatten(), Cut())
    assert before - macs(model) == saved


@pytest.mark.parametrize('shape', [(6, 6, 1), (6, 9, 2)])
def test_macs_of_all_tokens_are_those_of_the_transformer(shape):
    model = OneBlock(*shape)
    for keep in (torch.arange(5), torch.tensor([0, 3, 4]), torch.tensor([1])):
        group = find_units(model)['1.transformer.tokens']
        group.keep(keep, Cut())
        group = find_units(model)['1.transformer.tokens']
        share = group.macs(*feature_sizes(model, INPUT_SHAPE)['1.transformer'])
        whole = total(layer_costs(model, INPUT_SHAPE), '1.transformer.')['macs']
        assert whole == pytest.approx(float(share.sum()))
        assert (share == share[0]).all() and len(share) == len(keep)


def test_a_token_gets_cheaper_as_tokens_go():
    model = OneBlock()
    sizes = (8, 8), (8, 8)
    before = find_units(model)['1.transformer.tokens'].macs(*sizes)[0]
    find_units(model)['1.transformer.tokens'].keep(torch.tensor([0]), Cut())
    assert find_units(model)['1.transformer.tokens'].macs(*sizes)[0] < before


def test_macs_of_all_units_and_the_rest_are_those_of_the_network():
    model = cut_at_random(narrow_backbone(channels=((4, ), (4, 6)), depths=((1, ), (1, 1))))
    groups = find_units(model)
    costs = unit_macs(groups, feature_sizes(model, INPUT_SHAPE)).values()
    units = sum(float(cost.sum()) for cost in costs)
    rest = sum(cost.macs for cost in layer_costs(model, INPUT_SHAPE)
               if 'mixconv' not in cost.name and 'transformer' not in cost.name)
    assert macs(model) == pytest.approx(units + rest)


@pytest.mark.parametrize('make', [narrow_backbone, lambda: SearchBlock(3, 3, tokens=2),
                                  lambda: SearchBlock(3, 3, tokens=2).mixconv])
def test_a_copy_is_not_looked_through_again(make):
    model = make()
    twin, groups = copy.deepcopy(model), find_units(model)
    found, expected = find_again(twin, list(groups)), find_units(twin)
    assert list(found) == list(expected)
    assert all(found[name].gamma is group.gamma for name, group in expected.items())
