"""BN in all its forms: search units, removal, recalibration, loading."""
import copy

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.model import revert_sync_batchnorm
from small_nets import randomise_norms
from torch import nn

import mmst  # noqa: F401  (first: it prepares OpenMMLab's packages)
from mmst.engine.run.partial_load import refuse_partial_load
from mmst.errors import TicketError
from mmst.pruning.mask import Mask
from mmst.registry import MODELS
from mmst.search.adapters import accept_searched_states
from mmst.search.norms import has_scales, is_batch_norm, tracks_statistics
from mmst.search.recalibrate import batch_norms
from mmst.search.surgery import Cut
from mmst.search.units import find_units
from mmst.tickets import Ticket

FORMS = dict(
    plain=dict(type='BN'), sync_in_one_process=dict(type='SyncBN'), cumulative=dict(
        type='BN', momentum=None), without_statistics=dict(type='BN', track_running_stats=False),
    frozen=dict(type='BN', requires_grad=False))


class Frozen(nn.Module):
    """As detectors have it: no parameter."""

    def __init__(self, width):
        super().__init__()
        for name in ('weight', 'bias', 'running_mean', 'running_var'):
            self.register_buffer(name, torch.ones(width))


def config(norm_cfg, **changes):
    pytest.importorskip('mmpretrain.models')
    return dict(type='mmpretrain.ImageClassifier', backbone=dict(
        type='mmpretrain.MobileNetV2', widen_factor=0.25, norm_cfg=norm_cfg, **changes),
                neck=dict(type='mmpretrain.GlobalAveragePooling'))


def make(form, **changes):
    """As a runner of one process has it."""
    model = accept_searched_states(MODELS.build(ConfigDict(config(FORMS[form], **changes))))
    return randomise_norms(revert_sync_batchnorm(model))


def cut(model):
    for group in find_units(model).values():
        group.keep(torch.arange(0, len(group), 2), Cut())
    return model


@pytest.mark.parametrize('form', FORMS)
def test_every_form_offers_units_and_is_cut(form):
    model = make(form)
    groups = find_units(model)
    assert len(groups) == 16 and all(is_batch_norm(group.bn) for group in groups.values())
    widths = {name: len(group) for name, group in groups.items()}
    cut(model)
    assert {n: len(g) for n, g in find_units(model).items()} == {
        n: -(-w // 2) for n, w in widths.items()}
    assert model.train()(torch.randn(2, 3, 32, 32))[-1].isfinite().all()
    tracked = 0 if form == 'without_statistics' else 52
    assert len(batch_norms(model)) == tracked


@pytest.mark.parametrize('form', FORMS)
def test_a_searched_network_is_rebuilt_from_its_ticket(form):
    model = cut(make(form))
    ticket = Ticket.from_model(model, config(FORMS[form]), Mask({}), {})
    image = torch.randn(1, 3, 64, 64)
    # In one process mmengine turns SyncBN into plain BN before anything is loaded.
    for again in (revert_sync_batchnorm(ticket.build()), make(form)):
        refuse_partial_load(again, dict(format='mmst.ticket', state_dict=ticket.state_dict))
        again.load_state_dict(ticket.state_dict)
        with torch.no_grad():
            model.eval(), again.eval()
            assert torch.equal(model(image)[-1], again(image)[-1])


def test_a_ticket_that_would_be_loaded_in_part_is_refused():
    ticket = Ticket.from_model(cut(make('plain')), config(FORMS['plain']), Mask({}), {})
    content = dict(format='mmst.ticket', state_dict=ticket.state_dict)
    unprepared = MODELS.build(ConfigDict(config(FORMS['plain'])))
    before = copy.deepcopy(unprepared.state_dict())
    with pytest.raises(TicketError, match=r'in part only: .*layer.* Remedy'):
        refuse_partial_load(unprepared, content)
    assert all(torch.equal(t, before[n]) for n, t in unprepared.state_dict().items())
    refuse_partial_load(unprepared, dict(content, format='other'))  # pretrained weights


def test_channels_without_scales_are_no_units():
    assert not find_units(make('plain', init_cfg=None).backbone.conv1)
    model = make('plain')
    for m in model.modules():
        if isinstance(m, nn.BatchNorm2d):
            m.weight = m.bias = None
    assert find_units(model) == {}


@pytest.mark.parametrize('layer, batch, scales, tracks', [
    (nn.BatchNorm1d(3), True, True, True), (nn.BatchNorm3d(3), True, True, True),
    (nn.SyncBatchNorm(3), True, True, True), (nn.BatchNorm2d(3, affine=False), True, False, True),
    (nn.BatchNorm2d(3, track_running_stats=False), True, True, False),
    (nn.LayerNorm(3), False, False, False), (nn.GroupNorm(3, 3), False, False, False),
    (nn.InstanceNorm2d(3, affine=True, track_running_stats=True), False, False, False),
    (Frozen(3), False, False, False)], ids=lambda v: type(v).__name__)
def test_what_counts_as_a_bn(layer, batch, scales, tracks):
    assert (is_batch_norm(layer), has_scales(layer), tracks_statistics(layer)) == (
        batch, scales, tracks)


def test_mmcvs_own_synchronised_bn_counts_too():
    own = type('SyncBatchNorm', (nn.Module, ), dict(__module__='mmcv.ops.sync_bn'))()
    own.weight, own.track_running_stats = nn.Parameter(torch.ones(2)), True
    own.running_mean = torch.zeros(2)
    assert has_scales(own) and tracks_statistics(own)
