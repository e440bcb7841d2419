"""Tickets as files of safetensors: nothing is lost, nothing is executed."""
import json
import os
import struct
import sys

import kills
import pytest
import torch
from damage import content_of, small_ticket
from mmengine.runner import load_checkpoint
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from mmst.errors import ConfigError, TicketError
from mmst.openmmlab.safe_checkpoints import safe_load
from mmst.openmmlab.safetensors_file import to_bytes
from mmst.pruning.mask import Mask
from mmst.tickets import Ticket
from mmst.tickets.content import seal


@pytest.fixture
def path(tmp_path):
    small_ticket().save(tmp_path / 'ticket.safetensors')
    return tmp_path / 'ticket.safetensors'


def edited(path, change):
    """Change the file's text, as a forger would."""
    data = path.read_bytes()
    length = struct.unpack('<Q', data[:8])[0]
    header = json.loads(data[8:8 + length])
    text = json.loads(header['__metadata__']['mmst'])
    change(text)
    header['__metadata__']['mmst'] = json.dumps(text)
    new = json.dumps(header).encode()
    path.write_bytes(struct.pack('<Q', len(new)) + new + data[8 + length:])


def test_a_run_s_ticket_goes_there_and_back_without_loss(trained, tmp_path):
    ticket = Ticket.load(trained[1])
    ticket.save(tmp_path / 'a.safetensors')
    Ticket.load(tmp_path / 'a.safetensors').save(tmp_path / 'b.pth')
    again = Ticket.load(tmp_path / 'b.pth')
    assert not kills.differences(content_of(ticket), content_of(again))
    assert safe_load(str(tmp_path / 'b.pth'))['digest'] == safe_load(str(trained[1]))['digest']


def test_the_network_computes_the_same(trained, tmp_path):
    _, file, seen = trained
    Ticket.load(file).save(tmp_path / 'a.safetensors')
    model = Ticket.load(tmp_path / 'a.safetensors').build()
    with torch.no_grad():
        assert torch.equal(model(seen['image']), seen['out'])


def test_mmengine_loads_it_as_a_checkpoint(path):
    model = small_ticket().build()
    nn.init.zeros_(model.classifier.weight)
    load_checkpoint(model, str(path), map_location='cpu', strict=True, logger='silent')
    assert torch.equal(model.classifier.weight, small_ticket().state_dict['classifier.weight'])


def test_it_holds_no_pickle_and_other_readers_see_its_weights(path):
    with safe_open(path, 'pt') as file:
        names = set(file.keys())
        assert set(small_ticket().state_dict) <= names
        assert torch.equal(file.get_tensor('classifier.weight'),
                           small_ticket().state_dict['classifier.weight'])
        assert file.metadata()['format'] == 'pt'
    assert path.read_bytes()[:2] != b'PK'


def test_a_mask_takes_one_bit_a_weight(path):
    name, kept = next(iter(small_ticket().mask.items()))
    with safe_open(path, 'pt') as file:
        assert file.get_tensor(f'{name}.kept').numel() == -(-kept.numel() // 8)


def test_weights_that_layers_share_stay_shared(tmp_path):
    shared = torch.randn(3, 3)
    ticket = Ticket(dict(type='Net'), dict(a=shared, b=shared, c=shared.clone()), Mask({}))
    ticket.save(tmp_path / 'a.safetensors')
    state = Ticket.load(tmp_path / 'a.safetensors').state_dict
    assert state['a'] is state['b'] and state['c'] is not state['a']
    assert (tmp_path / 'a.safetensors').stat().st_size < 3 * 36 + 1000


def test_names_of_masks_do_not_hide_weights(tmp_path):
    kept = torch.tensor([True, False])
    state = {'a': torch.tensor([1., 0.]), 'a.kept': torch.ones(2)}
    Ticket(dict(type='Net'), state, Mask(dict(a=kept))).save(tmp_path / 'a.safetensors')
    again = Ticket.load(tmp_path / 'a.safetensors')
    assert torch.equal(again.mask['a'], kept) and torch.equal(again.state_dict['a.kept'],
                                                              torch.ones(2))


def test_weights_of_other_tools_load_as_a_state_dict(tmp_path):
    layer = nn.Linear(2, 3)
    save_file(layer.state_dict(), tmp_path / 'other.safetensors')
    other = nn.Linear(2, 3)
    load_checkpoint(other, str(tmp_path / 'other.safetensors'), logger='silent')
    assert torch.equal(layer.weight, other.weight)
    with pytest.raises(TicketError, match='is not a ticket'):
        Ticket.load(tmp_path / 'other.safetensors')


@pytest.mark.parametrize('change', [
    lambda text: text['weights'].reverse(), lambda text: text['weights'].pop(),
    lambda text: text['rest'].update(version=1), lambda text: text['rest'].pop('digest'),
    lambda text: text.pop('masks'), lambda text: text['masks'].popitem(),
    lambda text: text['rest']['meta'].update(step=4),
    lambda text: text['shared'].update({text['weights'][0]: text['weights'][1]})])
def test_a_changed_description_is_refused(path, change):
    edited(path, change)
    with pytest.raises(TicketError) as caught:
        Ticket.load(path)
    assert str(path) in str(caught.value) and 'Remedy: ' in str(caught.value)


def test_shared_weights_that_unfold_to_far_more_than_the_file_are_refused(tmp_path):
    state = {f'w{i}': value for i, value in enumerate([torch.ones(10000)] * 100)}
    content = dict(format='mmst.ticket', version=3, model={}, state_dict=state, mask={}, meta={})
    path = tmp_path / 'many.safetensors'
    path.write_bytes(to_bytes(dict(content, digest=seal(3, content))))
    with pytest.raises(TicketError, match='damaged'):
        Ticket.load(path)


def test_a_header_longer_than_any_ticket_s_is_refused_unread(tmp_path):
    path = tmp_path / 'long.safetensors'
    path.write_bytes(struct.pack('<Q', 1 << 25) + b'{' + b' ' * (1 << 25))
    with pytest.raises(TicketError, match='damaged'):
        Ticket.load(path)


def test_a_file_that_is_a_hole_is_refused_before_it_is_read(path):
    os.truncate(path, 1 << 36)
    with pytest.raises(TicketError, match='a hole'):
        Ticket.load(path)


def test_without_the_package_one_line_says_how_to_install_it(path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'safetensors.torch', None)
    for act in (lambda: Ticket.load(path), lambda: small_ticket().save(path)):
        with pytest.raises(ConfigError, match='pip install safetensors'):
            act()
