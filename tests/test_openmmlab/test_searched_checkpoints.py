"""Whoever loads a ticket through mmengine gets the ticket's network, whatever it is made of."""
import copy

import any_nets
import pytest
import torch
from mmengine.runner import load_checkpoint
from small_nets import randomise_norms

from mmst.errors import TicketError
from mmst.pruning.mask import Mask
from mmst.search.graph.build import find_plan
from mmst.search.graph.channels import attach, channels_of
from mmst.search.graph.verify import half
from mmst.search.surgery import Cut
from mmst.search.units import find_units
from mmst.tickets import Ticket

SIZE = (16, 16)


@pytest.fixture(scope='module')
def network():
    """Half of the units of every group are gone."""
    model = randomise_norms(any_nets.MODELS.build(any_nets.MODEL)).eval()
    attach(model, find_plan(model, SIZE))
    for group in find_units(model).values():
        group.keep(half(len(group)), Cut())
    return model


@pytest.fixture(scope='module')
def path(network, tmp_path_factory):
    file = tmp_path_factory.mktemp('any') / 'ticket.pth'
    Ticket.from_model(network, any_nets.MODEL, Mask({}), dict(
        input_shape=SIZE, default_scope='mmengine')).save(file)
    return str(file)


@pytest.fixture
def image():
    return torch.randn(2, 3, *SIZE)


@torch.no_grad()
def outputs(model, image):
    found = model.eval()(image)
    return found if isinstance(found, tuple) else (found, )


def same(one, other, image):
    pairs = zip(outputs(one, image), outputs(other, image), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def test_network_as_built_takes_on_the_ticket_that_mmengine_loads_into_it(network, path, image):
    model = any_nets.MODELS.build(any_nets.MODEL)
    load_checkpoint(model, path, strict=True)
    assert same(model, network, image)


def test_wrapped_network_takes_it_on_too(network, path, image):
    model = any_nets.MODELS.build(any_nets.MODEL)
    load_checkpoint(torch.nn.DataParallel(model), path, strict=True)
    assert same(model, network, image)


def test_part_of_a_searched_network_is_refused_by_its_initialisation(path):
    """Its head would not fit, and mmengine would leave what does not fit at random."""
    model = any_nets.MODELS.build(dict(any_nets.MODEL, backbone=dict(
        any_nets.MODEL['backbone'], init_cfg=dict(type='Pretrained', checkpoint=path,
                                                  prefix='backbone.'))))
    with pytest.raises(TicketError, match='mmst transfer'):
        model.init_weights()


def test_backbone_starts_from_the_weights_of_a_network_before_any_search(tmp_path, image):
    whole = randomise_norms(any_nets.MODELS.build(any_nets.MODEL))
    torch.save(dict(state_dict=whole.state_dict()), tmp_path / 'dense.pth')
    backbone = any_nets.MODELS.build(dict(any_nets.MODEL['backbone'], init_cfg=dict(
        type='Pretrained', checkpoint=str(tmp_path / 'dense.pth'), prefix='backbone.')))
    backbone.init_weights()
    assert same(backbone, whole.backbone, image) and channels_of(backbone) is None


def test_part_that_the_file_does_not_have_is_refused_as_ever(path):
    backbone = any_nets.MODELS.build(dict(any_nets.MODEL['backbone'], init_cfg=dict(
        type='Pretrained', checkpoint=path, prefix='neck.')))
    with pytest.raises(AssertionError, match='neck'):
        backbone.init_weights()


def test_network_of_another_form_is_refused_and_not_left_half_random(path):
    model = any_nets.MODELS.build(dict(any_nets.MODEL, classes=9))
    model.backbone.residual.stem[0] = torch.nn.Conv2d(3, 9, 3)
    with pytest.raises(TicketError, match='channels of the network'):
        load_checkpoint(model, path)


def test_loaded_network_can_be_copied_and_loaded_again(network, path, image):
    model = any_nets.MODELS.build(any_nets.MODEL)
    load_checkpoint(model, path)
    twin = copy.deepcopy(model)
    load_checkpoint(twin, path, strict=True)
    assert same(twin, network, image)
