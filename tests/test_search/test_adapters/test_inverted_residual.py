"""Search units of OpenMMLab's MobileNetV2, whose blocks are not this project's."""
import copy

import pytest
import torch
from mmengine.runner.checkpoint import load_state_dict
from small_nets import randomise_norms
from torch import nn

import mmst  # noqa: F401  (first: it prepares OpenMMLab's packages)
from mmst.costs.cost import feature_sizes, layer_costs, total
from mmst.errors import TicketError
from mmst.search.adapters import accept_searched_states
from mmst.search.cost import unit_macs
from mmst.search.importance import importances, units_to_keep
from mmst.search.surgery import Cut
from mmst.search.units import find_units, units_of

PACKAGES = ('mmpretrain', 'mmpose', 'mmseg')
SIZE = (33, 47)


def make(package='mmpretrain', **changes):
    backbones = pytest.importorskip(f'{package}.models.backbones')
    model = randomise_norms(backbones.MobileNetV2(widen_factor=0.25, **changes))
    model.eval()
    return model


def image():
    return torch.randn(2, 3, *SIZE, generator=torch.Generator().manual_seed(1))


def outputs(model):
    with torch.no_grad():
        out = model(image())
    return out[-1] if isinstance(out, (tuple, list)) else out


def halves(model):
    """Name of each group to a random half of its indices, at least one."""
    chosen = {}
    for name, group in find_units(model).items():
        chosen[name] = torch.randperm(len(group))[:max(1, len(group) // 2)].sort().values
    return chosen


def cut(model, chosen, *companions):
    for name, group in find_units(model).items():
        group.keep(chosen[name], Cut(*companions))


@pytest.mark.parametrize('package', PACKAGES)
def test_every_block_with_an_expansion_offers_its_hidden_channels(package):
    model = make(package)
    groups = find_units(model)
    blocks = {name: m for name, m in model.named_modules()
              if type(m).__name__ == 'InvertedResidual'}
    assert len(blocks) == 17 and len(groups) == 16
    assert set(groups) == {f'{name}.channels' for name, m in blocks.items() if len(m.conv) == 3}
    for name, group in groups.items():
        block = blocks[name.rpartition('.')[0]]
        assert group.gamma is block.conv[1].norm.weight
        assert group.kind == 'channel' and set(group.kernel_sizes) == {3} and group.minimum == 1


@pytest.mark.parametrize('package', PACKAGES)
def test_removing_silent_channels_leaves_the_outputs_as_they_were(package):
    model = make(package)
    chosen = halves(model)
    with torch.no_grad():
        for name, group in find_units(model).items():
            dead = torch.ones(len(group), dtype=torch.bool)
            dead[chosen[name]] = False
            group.bn.weight[dead] = group.bn.bias[dead] = 0.
    before = outputs(model)
    cut(model, chosen)
    assert before.abs().max() > 0.01
    assert (outputs(model) - before).abs().max() < 1e-5
    assert {name: len(g) for name, g in find_units(model).items()} == {
        name: len(index) for name, index in chosen.items()}


def test_parameters_stay_and_companions_follow():
    model = make()
    objects = dict(model.named_parameters())
    state = {p: dict(moment=torch.randn_like(p), step=torch.tensor(3.)) for p in objects.values()}
    expand, project = (objects[f'layer2.0.conv.{i}.conv.weight'] for i in (0, 2))
    before = state[expand]['moment'], state[project]['moment']
    chosen = halves(model)
    cut(model, chosen, state)
    index = chosen['layer2.0.channels']
    assert all(dict(model.named_parameters())[name] is p for name, p in objects.items())
    assert torch.equal(state[expand]['moment'], before[0][index])
    assert torch.equal(state[project]['moment'], before[1][:, index])
    assert all(s['moment'].shape == p.shape and s['step'] == 3 for p, s in state.items())


def test_layers_describe_their_new_shapes():
    model = make()
    cut(model, halves(model))
    for m in model.modules():
        layer = getattr(m, 'conv', m)
        if isinstance(layer, nn.Conv2d):
            assert layer.weight.shape == (m.out_channels, m.in_channels // m.groups,
                                          *m.kernel_size)
        elif isinstance(m, nn.BatchNorm2d):
            assert m.num_features == len(m.weight) == len(m.running_mean) == len(m.running_var)


def test_macs_of_channels_are_what_the_network_saves_without_them():
    model = make()
    macs = unit_macs(find_units(model), feature_sizes(model, SIZE))
    chosen = halves(model)
    before = total(layer_costs(model, SIZE))['macs']
    saved = sum(float(macs[name].sum() - macs[name][index].sum())
                for name, index in chosen.items())
    cut(model, chosen)
    assert before - total(layer_costs(model, SIZE))['macs'] == saved


@pytest.mark.parametrize('load', [nn.Module.load_state_dict, load_state_dict],
                         ids=['torch', 'mmengine'])
@pytest.mark.parametrize('package', PACKAGES)
def test_a_fresh_network_takes_on_the_shapes_that_it_loads(package, load):
    model, fresh = make(package), accept_searched_states(make(package))
    twin = copy.deepcopy(fresh)
    cut(model, halves(model))
    for other in (twin, fresh):
        load(other, model.state_dict())
        assert torch.equal(outputs(other), outputs(model))
        assert all(p.requires_grad for p in other.parameters())
    assert [len(g) for g in find_units(twin).values()] == [
        len(g) for g in find_units(model).values()]


def test_a_narrowed_network_can_load_a_wider_state_again():
    model = accept_searched_states(make())
    state = copy.deepcopy(model.state_dict())
    before = outputs(model)
    cut(model, halves(model))
    model.load_state_dict(state)
    assert torch.equal(outputs(model), before)


def test_preparing_twice_is_preparing_once():
    model = accept_searched_states(accept_searched_states(make()))
    assert all(len(m._load_state_dict_pre_hooks) <= 1 for m in model.modules())


def test_a_state_that_no_search_can_have_left_is_refused():
    other = pytest.importorskip('mmpretrain.models.backbones').MobileNetV2(widen_factor=0.5)
    with pytest.raises(TicketError, match=r'layer2\.0\.conv\.2\.conv\.weight has shape'):
        accept_searched_states(make()).load_state_dict(other.state_dict())


def test_a_state_with_contradicting_widths_is_refused():
    model = accept_searched_states(make())
    state = model.state_dict()
    name = 'layer3.1.conv.0.bn.running_var'
    state[name] = state[name][:5]
    with pytest.raises(TicketError, match=name):
        model.load_state_dict(state)


def test_the_most_important_channel_stays_when_all_are_unimportant():
    model = make()
    groups = find_units(model)
    with torch.no_grad():
        for group in groups.values():
            group.gamma.fill_(1e-5)
            group.gamma[3] = -2e-5
    keep = units_to_keep(groups, importances(groups, None), 1e-3)
    assert keep == {name: [3] for name in groups}
    cut(model, {name: torch.tensor(index) for name, index in keep.items()})
    groups = find_units(model)
    assert units_to_keep(groups, importances(groups, None), 1e-3) == {}
    assert outputs(model).isfinite().all()


def test_with_an_average_the_channel_that_stays_is_the_one_that_either_finds_important():
    model, average = make(), make()
    with torch.no_grad():
        for group in [*find_units(model).values(), *find_units(average).values()]:
            group.gamma.zero_()
        for group in find_units(average).values():
            group.gamma[2] = 1e-4
        for group in find_units(model).values():
            group.gamma[1] = 5e-4
    groups = find_units(model), find_units(average)
    for last, unit in ((False, 1), (True, 2)):
        keep = units_to_keep(groups[0], importances(*groups, last), 1e-3)
        assert set(map(tuple, keep.values())) == {(unit, )}


def test_a_block_cannot_lose_all_its_channels():
    group = next(iter(find_units(make()).values()))
    with pytest.raises(ValueError, match='at least one'):
        group.keep(torch.tensor([], dtype=torch.long), Cut())


def test_groups_see_norms_that_were_replaced_by_wrapping():
    model = nn.SyncBatchNorm.convert_sync_batchnorm(make())
    groups = find_units(model)
    assert len(groups) == 16
    assert all(isinstance(group.bn, nn.SyncBatchNorm) for group in groups.values())


def test_blocks_with_another_norm_offer_nothing():
    backbones = pytest.importorskip('mmpretrain.models.backbones')
    norm = dict(type='GN', num_groups=1)
    assert find_units(backbones.MobileNetV2(widen_factor=0.25, norm_cfg=norm)) == {}


def test_a_subclass_needs_an_adapter_of_its_own():
    block = pytest.importorskip('mmpretrain.models.backbones.mobilenet_v2').InvertedResidual

    class Changed(block):
        pass

    assert units_of(block(4, 4, 1, 2)) and not units_of(Changed(4, 4, 1, 2))
