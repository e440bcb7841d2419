"""Networks without a neck, with several, or with one that has no parameters."""
import copy
from types import SimpleNamespace

import pytest
import tiny
import torch
from mmengine.model import BaseModel
from mmengine.registry import MODELS
from mmengine.runner import Runner
from tiny_street import load_tool
from torch import nn

from mmst.deploy.ticket_cost import config_cost, ticket_costs
from mmst.errors import TicketError
from mmst.tickets import Ticket
from mmst.tickets.carry import fitting_parts
from mmst.tickets.reinitialize import reinitialize


@MODELS.register_module(force=True)
class AnyNeck(BaseModel):
    """Supernet, a neck of any kind, a classifier."""

    def __init__(self, backbone, neck=None, data_preprocessor=None, init_cfg=None, bare=False):
        super().__init__(data_preprocessor, init_cfg)
        self.backbone = MODELS.build(backbone)
        if isinstance(neck, (list, tuple)):
            self.neck = nn.ModuleList(MODELS.build(one) for one in neck)
        elif neck is not None or not bare:
            self.neck = None if neck is None else MODELS.build(neck)
        self.classifier = nn.Conv2d(4, tiny.CLASSES, 1)

    def forward(self, inputs, labels=None, mode='tensor'):
        maps = self.backbone(inputs)
        neck = getattr(self, 'neck', None)
        for one in neck if isinstance(neck, nn.ModuleList) else [neck] if neck else []:
            maps = one(maps)
        out = self.classifier(maps[0])
        return dict(loss=nn.functional.cross_entropy(out, labels)) if mode == 'loss' else out


@MODELS.register_module(force=True)
class NothingNeck(nn.Module):
    """Without parameters, as mmpretrain's pooling."""

    def forward(self, maps):
        return maps


NECKS = dict(
    absent=dict(bare=True), none=dict(neck=None), nothing=dict(neck=dict(type='NothingNeck')),
    one=dict(neck=tiny.NECK), listed=dict(neck=[tiny.NECK, dict(type='NothingNeck')]),
    empty=dict(neck=[]))
IMAGE = torch.randn(1, 3, *tiny.SIZE, generator=torch.Generator().manual_seed(0))


def config(folder, name, **more):
    cfg = tiny.config(folder, 2, ticket=True, **more)
    cfg.model = dict(type='AnyNeck', backbone=tiny.BACKBONE, **copy.deepcopy(NECKS[name]))
    return cfg


@pytest.fixture(scope='module')
def tickets(tmp_path_factory):
    """A ticket of each network, and what its run's own network says of an image."""
    found = {}
    for name in NECKS:
        folder = tmp_path_factory.mktemp(name)
        runner = Runner.from_cfg(config(folder, name))
        runner.register_hook(tiny.Probe(after_train_epoch=tiny.weaken(0.4)), 60)
        runner.train()
        with torch.no_grad():
            found[name] = folder / 'ticket.pth', tiny.averaged_model(runner).module.eval()(IMAGE)
    return found


@pytest.mark.by_turns(3)
@pytest.mark.parametrize('name', NECKS)
def test_the_ticket_is_the_network_that_was_trained(tickets, name):
    path, out = tickets[name]
    with torch.no_grad():
        assert torch.equal(Ticket.load(path).build()(IMAGE), out)
    has_neck = name in ('nothing', 'one', 'listed')
    if has_neck:
        assert Ticket.load(path).build('neck') is not None
    else:
        with pytest.raises(TicketError, match=r"no 'neck'.*backbone"):
            Ticket.load(path).build('neck')


@pytest.mark.parametrize('name', NECKS)
def test_costs_and_new_weights_of_it(tickets, name):
    ticket = Ticket.load(tickets[name][0])
    costs = ticket_costs(ticket, tiny.SIZE)
    assert costs.supernet.total()['params'] > costs.searched.total()['params']
    whole = config_cost(config('unused', name).model, tiny.SIZE, 'mmengine')
    assert costs.supernet.total() == whole.total()
    assert set(reinitialize(ticket, 5).state_dict) == set(ticket.state_dict)


@pytest.mark.parametrize('name', NECKS)
def test_it_is_retrained_and_transferred(tickets, name, tmp_path):
    path, _ = tickets[name]
    cfg = config(tmp_path, name, search=False)
    args = SimpleNamespace(ticket=str(path), neck_ticket=None, new_neck=False)
    parts = load_tool('transfer').choose_parts(cfg, args)['parts']
    assert parts == (['backbone', 'neck'] if name in ('one', 'listed') else ['backbone'])
    cfg.default_hooks.prune = dict(type='mmst.FixedMaskHook', ticket=str(path), parts=parts)
    Runner.from_cfg(cfg).train()
    before, after = Ticket.load(path), Ticket.load(tmp_path / 'ticket.pth')
    for weight, kept in before.mask.items():
        assert torch.equal(after.mask[weight], kept)


def test_a_neck_of_another_class_or_none_stays_behind(tickets):
    ticket = Ticket.load(tickets['one'][0])
    for settings in ({}, dict(neck=None), dict(neck=[]), dict(neck=[tiny.NECK, tiny.NECK]),
                     dict(neck=dict(type='NothingNeck'))):
        assert fitting_parts(ticket, settings) == ['backbone']
    assert fitting_parts(ticket,
                         dict(neck=dict(type='DensePredictionNeck'))) == ['backbone', 'neck']


def test_where_the_targets_own_ticket_is_missing_the_remedy_is_a_new_neck(tickets, tmp_path):
    cfg = config(tmp_path, 'one', search=False)
    cfg.default_hooks.prune = dict(type='mmst.FixedMaskHook', ticket=str(tickets['one'][0]),
                                   parts=['backbone'], neck_ticket=str(tmp_path / 'none.pth'))
    with pytest.raises(TicketError, match=r'none.pth.*no such file.*--new-neck'):
        Runner.from_cfg(cfg).train()


def test_new_neck_takes_the_configs_neck_ticket_out(tickets):
    path = str(tickets['one'][0])
    for new, expected in ((True, None), (False, 'target.pth')):
        cfg = config('unused', 'one')
        cfg.retrain = dict(ticket=path, parts=['backbone'], neck_ticket='target.pth')
        args = SimpleNamespace(ticket=None, neck_ticket=None, new_neck=new)
        assert load_tool('transfer').choose_parts(cfg, args) == dict(parts=['backbone'],
                                                                neck_ticket=expected)
        assert cfg.retrain.neck_ticket == 'target.pth', 'the config itself stays'
