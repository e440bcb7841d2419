"""A searched network's state rebuilds its shapes in a full network, or is refused by name."""
import copy

import pytest
import torch
from mmengine.runner.checkpoint import load_state_dict as mmengine_load
from small_nets import NarrowModel, cut_at_random, input_image, narrow_backbone, narrow_neck
from torch import nn

from mmst.errors import TicketError
from mmst.models import ClassificationNeck, search_blocks


def strict(model, state):
    model.load_state_dict(state)


def not_strict(model, state):
    model.load_state_dict(state, strict=False)


LOADERS = pytest.mark.parametrize('load', [strict, not_strict, mmengine_load])


@LOADERS
def test_state_of_a_searched_network_rebuilds_its_shapes_in_place(load):
    searched = cut_at_random(NarrowModel()).eval()
    model = NarrowModel().eval()
    before = dict(model.named_parameters())
    load(model, searched.state_dict())

    after = dict(model.named_parameters())
    assert all(after[name] is before[name] for name in before) and len(after) == len(before)
    assert all(torch.equal(p, after[name]) for name, p in searched.named_parameters())
    assert ([p.requires_grad for p in after.values()]
            == [p.requires_grad for p in searched.parameters()])
    assert torch.equal(model(input_image()), searched(input_image()))
    model.train()(input_image()).sum().backward()


@LOADERS
def test_state_of_the_supernet_widens_a_searched_network_again(load):
    supernet, model = NarrowModel().eval(), cut_at_random(NarrowModel()).eval()
    load(model, supernet.state_dict())
    assert torch.equal(model(input_image()), supernet(input_image()))
    assert all(p.requires_grad for p in model.parameters())


def test_modules_describe_the_shapes_that_were_loaded():
    searched, model = cut_at_random(narrow_backbone()), narrow_backbone()
    model.load_state_dict(searched.state_dict())
    for m in model.modules():
        if isinstance(m, nn.Conv2d) and m.weight.numel():
            assert m.weight.shape == (m.out_channels, m.in_channels // m.groups, *m.kernel_size)
        elif isinstance(m, nn.BatchNorm2d):
            assert m.num_features == len(m.weight)


def test_a_state_survives_being_saved_and_loaded(tmp_path):
    searched, model = cut_at_random(narrow_neck()), narrow_neck()
    torch.save(searched.state_dict(), tmp_path / 'state.pth')
    model.load_state_dict(torch.load(tmp_path / 'state.pth', weights_only=True))
    assert model.get_widths() == searched.get_widths()


def test_old_gradients_do_not_stay():
    model = narrow_neck().train()
    searched = cut_at_random(narrow_neck())
    for p in model.parameters():
        p.grad = torch.ones_like(p)
    model.load_state_dict(searched.state_dict())
    assert all(p.grad is None or p.grad.shape == p.shape for p in model.parameters())


def test_parts_that_a_state_does_not_have_at_all_keep_their_weights():
    """A ticket's backbone goes into a model with another head."""
    model = NarrowModel()
    neck = copy.deepcopy(model.neck.state_dict())
    searched = cut_at_random(narrow_backbone())
    state = {f'backbone.{name}': t for name, t in searched.state_dict().items()}
    missing = model.load_state_dict(state, strict=False).missing_keys
    assert missing and all(name.startswith(('neck.', 'classifier.')) for name in missing)
    assert all(torch.equal(t, model.neck.state_dict()[name]) for name, t in neck.items())
    assert {name: t.shape for name, t in model.backbone.state_dict().items()} == {
        name: t.shape for name, t in searched.state_dict().items()}


def drop(key):
    def change(state):
        del state[key]
    change.key = key
    return change


def replace(key, make, names=None):
    def change(state):
        state[key] = make(state[key])
    change.key = names or key
    return change


BLOCK = 'backbone.parallels.1.1.0.'
MIXCONV, TRANSFORMER = BLOCK + 'mixconv.', BLOCK + 'transformer.'


@pytest.fixture(scope='module')
def searched_state():
    torch.manual_seed(0)
    return cut_at_random(NarrowModel(), share=0.2).state_dict()


@pytest.fixture(scope='module')
def target():
    return NarrowModel()


@pytest.mark.parametrize('change', [
    drop(MIXCONV + 'depthwise.1.weight'),
    drop(MIXCONV + 'expand.weight'),
    drop(MIXCONV + 'depthwise_bn.running_mean'),
    drop(MIXCONV + 'project_bn.bias'),
    drop(TRANSFORMER + 'queries'),
    drop(TRANSFORMER + 'encoder.attention.key.weight'),
    drop(TRANSFORMER + 'decoder.norm2.bias'),
    drop('backbone.stem.0.conv.weight'),
    replace(MIXCONV + 'depthwise.0.weight', torch.sum),
    replace(MIXCONV + 'depthwise.0.weight', lambda t: None),
    replace(MIXCONV + 'depthwise.0.weight', lambda t: t[:, :, :1]),
    replace(MIXCONV + 'depthwise.2.weight', lambda t: t.repeat(5, 1, 1, 1)),
    replace(MIXCONV + 'expand.weight', lambda t: t[:-1]),
    replace(MIXCONV + 'expand.weight', torch.sum),
    replace(MIXCONV + 'project.weight', lambda t: t.flatten(1)),
    replace(MIXCONV + 'expand_bn.running_var', lambda t: t[1:]),
    replace(MIXCONV + 'depthwise_bn.weight', lambda t: torch.cat([t, t])),
    replace(MIXCONV + 'project_bn.weight', lambda t: t[:0]),
    replace(TRANSFORMER + 'queries', torch.sum),
    replace(TRANSFORMER + 'queries', lambda t: t[:, :63]),
    replace(TRANSFORMER + 'queries', lambda t: t.repeat(9, 1)),
    replace(TRANSFORMER + 'input_bn.bias', lambda t: t[1:]),
    replace(TRANSFORMER + 'output_proj.weight', lambda t: t[:, :0]),
    replace(TRANSFORMER + 'encoder.norm1.weight', lambda t: t[:0]),
    replace('backbone.stem.1.bn.running_mean', lambda t: t[:2]),
    replace('backbone.stem.0.conv.weight', lambda t: t[:, :1]),
    replace('backbone.fusions.1.new_branch.residual.weight', lambda t: t[:2]),
], ids=lambda change: change.key)
def test_a_state_that_no_search_can_have_left_is_refused_by_key(change, searched_state, target):
    state = dict(searched_state)
    change(state)
    for load in (strict, not_strict, mmengine_load):
        with pytest.raises(TicketError, match=change.key.replace('.', r'\.') + r'.*Remedy: '):
            load(target, state)


OTHER_SUPERNETS = [
    dict(channels=((4, ), (4, 6), (4, 6, 8), (4, 6, 8, 11))),
    dict(stem_channels=(6, 8)),
    dict(stem_channels=(5, 4)),
    dict(in_channels=1),
    dict(kernel_sizes=(3, 5)),
    dict(kernel_sizes=(5, 3, 7)),
    dict(transformer='shape_preserving'),
    dict(depths=((1, ), (1, 1), (1, 2, 1), (1, 1, 1, 1))),
    dict(channels=((4, ), (4, 6), (4, 6, 8)), depths=((1, ), (1, 1), (1, 1, 1))),
]
WIDER_SUPERNETS = [dict(expand_ratio=3), dict(tokens=6)]


@pytest.mark.parametrize('changes', OTHER_SUPERNETS + WIDER_SUPERNETS)
def test_the_state_of_another_supernet_is_refused(changes):
    with pytest.raises(TicketError, match=r'(fusions|parallels|stem)\..*Remedy: '):
        mmengine_load(narrow_backbone(), narrow_backbone(**changes).state_dict())


@pytest.mark.parametrize('changes', OTHER_SUPERNETS)
def test_another_supernet_refuses_the_state(changes):
    with pytest.raises(TicketError, match=r'(fusions|parallels|stem)\..*Remedy: '):
        narrow_backbone(**changes).load_state_dict(narrow_backbone().state_dict(), strict=False)


def test_a_classification_neck_refuses_the_blocks_of_a_deeper_one():
    states = [ClassificationNeck((4, 6, 8)[:n], (5, 7, 9)[:n], 11, tokens=3).state_dict()
              for n in (2, 3)]
    for state, n in zip(states, (3, 2), strict=True):
        neck = ClassificationNeck((4, 6, 8)[:n], (5, 7, 9)[:n], 11, tokens=3)
        with pytest.raises(TicketError, match=r'(widen|downsample|final)\.'):
            mmengine_load(neck, state)


def test_the_residual_convolution_of_a_block_must_be_there():
    state = narrow_backbone().state_dict()
    del state['fusions.1.new_branch.residual.weight']
    with pytest.raises(TicketError, match=r'fusions\.1\.new_branch\.residual is missing'):
        mmengine_load(narrow_backbone(), state)


def test_transformers_that_a_state_does_not_have_are_not_left_untrained():
    neck, without = narrow_neck(), narrow_neck(transformer='none')
    with pytest.raises(TicketError, match=r'transformer is missing.*Remedy: '):
        mmengine_load(neck, without.state_dict())
    with pytest.raises(TicketError, match=r'transformer is there, but not in this network'):
        mmengine_load(without, neck.state_dict())


def test_a_path_that_search_removed_is_part_of_the_state_all_the_same():
    model = narrow_backbone()
    for block in search_blocks(model).values():
        block.resize({3: 0, 5: 0, 7: 0}, 0)
    again = narrow_backbone()
    again.load_state_dict(model.state_dict())
    assert again.get_widths() == model.get_widths()
    assert torch.equal(again.eval()(input_image())[0], model.eval()(input_image())[0])


def test_norms_may_lack_their_batch_counts():
    state = {name: t for name, t in narrow_neck().state_dict().items() if 'num_batches' not in name}
    mmengine_load(narrow_neck(), state)
