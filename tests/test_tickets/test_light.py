"""Tickets of networks far larger than what a search has left of them."""
import any_nets
import pytest
import torch
import torch.nn.functional as F
from mmengine.model import BaseModel
from mmengine.registry import MODELS
from torch import nn

from mmst.errors import TicketError
from mmst.pruning.mask import Mask
from mmst.search.graph.build import find_plan
from mmst.search.graph.channels import attach
from mmst.search.graph.described import KEY
from mmst.search.surgery import Cut
from mmst.search.units import find_units
from mmst.tickets import Ticket, bounded, light


@MODELS.register_module(force=True)
class WideSegmentor(BaseModel):
    """Wide layers, a table that no search cuts, numbers drawn and computed in its constructor."""

    def __init__(self, width=64, classes=3, table=0, data_preprocessor=None, init_cfg=None):
        super().__init__(data_preprocessor, init_cfg)
        self.backbone = nn.Sequential(any_nets.conv_bn(3, width), nn.ReLU(),
                                      any_nets.conv_bn(width, width), nn.ReLU())
        self.decode_head = nn.Conv2d(width, classes, 1)
        self.rates = [rate.item() for rate in torch.linspace(0, 1, 3)]
        self.register_buffer('steps', torch.arange(4.), persistent=False)
        if table:
            self.register_buffer('table', torch.zeros(table), persistent=False)

    def forward(self, inputs, labels=None, mode='tensor'):
        out = self.decode_head(self.backbone(inputs)) + self.steps.sum()
        return dict(loss=F.cross_entropy(out, labels)) if mode == 'loss' else out


def sparse_ticket(**settings):
    model = MODELS.build(dict(type='WideSegmentor', **settings))
    plan = find_plan(model, (16, 16))
    attach(model, plan)
    for group in find_units(model).values():
        group.keep(torch.tensor([1, len(group) - 1]), Cut())
    return Ticket.from_model(model, dict(settings, type='WideSegmentor'), Mask({}),
                             dict(default_scope='mmengine')), model.eval()


@pytest.fixture
def small_room(monkeypatch):
    monkeypatch.setattr(bounded, 'ROOM', 1 << 10)
    monkeypatch.setattr(bounded, 'LIGHT', 1 << 8)


def test_ticket_that_keeps_little_of_a_large_network_is_rebuilt(small_room, tmp_path):
    ticket, model = sparse_ticket()
    assert sum(v.numel() for v in ticket.state_dict.values()) * 32 < 64 * 64 * 9
    ticket.save(tmp_path / 'ticket.pth')
    network = Ticket.load(tmp_path / 'ticket.pth').build()
    image = torch.randn(2, 3, 16, 16)
    with torch.no_grad():
        assert torch.equal(network(image), model(image))
    assert all(not t.is_meta for t in [*network.parameters(), *network.buffers()])


def test_whole_network_of_such_a_ticket_has_shapes_alone(small_room):
    ticket, _ = sparse_ticket()
    whole = ticket.supernet(values=False)
    assert sum(p.numel() for p in whole.parameters()) > 64 * 64 * 9
    with pytest.raises(TicketError, match='far larger'):
        ticket.supernet()


def test_what_a_search_has_not_cut_takes_no_memory_that_the_file_does_not_hold(small_room):
    with pytest.raises(TicketError, match=r'far more elements .* table'):
        sparse_ticket(table=1 << 12)[0].build()


def test_channels_of_more_than_networks_are_refused(small_room, monkeypatch):
    ticket, _ = sparse_ticket()
    monkeypatch.setattr(light, 'SIDES', 100)
    with pytest.raises(TicketError, match='more than those of networks'):
        ticket.build()


def test_ticket_without_channels_has_no_more_room_than_before(small_room):
    ticket, _ = sparse_ticket()
    meta = {key: value for key, value in ticket.meta.items() if key != KEY}
    with pytest.raises(TicketError, match='far more elements'):
        Ticket(ticket.model, ticket.state_dict, ticket.mask, meta).build()


def test_small_tensors_have_room_as_before(small_room):
    """Many of them would take as much memory as a large one."""
    with pytest.raises(bounded.TooLarge), bounded.bounding(10, 10, light=True):
        for _ in range(100):
            torch.zeros(1 << 7)


def test_light_tensors_have_bounds(monkeypatch):
    monkeypatch.setattr(bounded, 'MOST', 1 << 20)
    with pytest.raises(bounded.TooLarge), bounded.bounding(10, 10, light=True):
        torch.zeros(1 << 21)
