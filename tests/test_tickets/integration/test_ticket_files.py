"""Damaged and hostile files are refused in one line that names them; nothing in them runs."""
import os
import pickle

import numpy as np
import pytest
import torch

from mmst.errors import TicketError
from mmst.tickets import Ticket
from mmst.tickets.content import seal


def refused(path, match=None):
    """Load a bad file: one line that names it and a remedy."""
    with pytest.raises(TicketError, match=match) as caught:
        Ticket.load(path)
    message = str(caught.value)
    assert str(path) in message and 'Remedy: ' in message and '\n' not in message


def save(content, tmp_path):
    path = tmp_path / 'bad.pth'
    torch.save(content, path)
    return path


@pytest.mark.parametrize('share', [0., 0.01, 0.5, 0.999])
def test_a_truncated_file_is_refused(trained, tmp_path, share):
    data = trained[1].read_bytes()
    path = tmp_path / 'short.pth'
    path.write_bytes(data[:int(len(data) * share)])
    refused(path)


@pytest.mark.parametrize('data', [bytes(range(256)) * 16, b'\x00' * 100, b'PK\x03\x04' + b'x' * 50,
                                  b'not a ticket\n', b'{"sparsity": 0.9}'])
def test_a_file_of_something_else_is_refused(tmp_path, data):
    path = tmp_path / 'other.pth'
    path.write_bytes(data)
    refused(path)


def test_damaged_bytes_inside_are_refused_or_do_no_harm(trained, tmp_path):
    """A flipped byte among the weights may go unnoticed; nothing but a TicketError may come."""
    data = bytearray(trained[1].read_bytes())
    path = tmp_path / 'flipped.pth'
    generator = np.random.default_rng(0)
    for position in generator.integers(0, len(data), 15):
        damaged = data.copy()
        damaged[position] ^= 0xFF
        path.write_bytes(damaged)
        try:
            Ticket.load(path)
        except TicketError as error:
            assert str(path) in str(error)


@pytest.mark.parametrize('other', [[1, 2], 3, 'text', None, torch.ones(3), {},
                                   dict(state_dict={}, meta={}), dict(a=torch.ones(2))])
def test_other_data_is_no_ticket(tmp_path, other):
    refused(save(other, tmp_path), 'not a ticket')


def test_a_checkpoint_is_no_ticket(trained, tmp_path):
    runner, *_ = trained
    runner.save_checkpoint(str(tmp_path), 'checkpoint.pth')
    refused(tmp_path / 'checkpoint.pth', 'not a ticket')


def test_a_plain_pickle_is_refused(tmp_path):
    path = tmp_path / 'plain.pth'
    path.write_bytes(pickle.dumps(dict(format='mmst.ticket'), 2))
    refused(path)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    refused(tmp_path / 'nothing.pth', 'no such file')
    refused(tmp_path, 'is a folder')


@pytest.mark.parametrize('field', ['format', 'version', 'model', 'state_dict', 'mask', 'meta'])
@pytest.mark.parametrize('value', ['missing', None, 3.5])
def test_a_field_that_is_missing_or_of_another_kind_is_refused(content, tmp_path, field, value):
    content[field] = value
    if value == 'missing':
        del content[field]
    refused(save(content, tmp_path), field)


@pytest.mark.parametrize('change', [dict(version=99), dict(format='other')])
def test_a_file_of_another_format_is_refused(content, tmp_path, change):
    refused(save(dict(content, **change), tmp_path), 'update mmst')


@pytest.mark.parametrize('bad', [float('nan'), float('inf'), float('-inf')])
def test_weights_that_are_not_finite_are_refused(content, tmp_path, bad):
    content['state_dict']['classifier.bias'][0] = bad
    refused(save(content, tmp_path), 'classifier.bias')


@pytest.mark.parametrize('bad', [None, 'x', [1.]])
def test_weights_that_are_no_tensors_are_refused(content, tmp_path, bad):
    content['state_dict']['classifier.bias'] = bad
    refused(save(content, tmp_path), 'classifier.bias')


NAME = 'backbone.stem.0.conv.weight'


@pytest.mark.parametrize('bad', [torch.ones(4, 3, 3), torch.ones(4, 3, 3, 3), None, 'x'],
                         ids=['shape', 'numbers', 'none', 'text'])
def test_a_mask_that_does_not_fit_is_refused(content, tmp_path, bad):
    content['mask'][NAME] = bad.bool() if torch.is_tensor(bad) and bad.dim() == 3 else bad
    refused(save(content, tmp_path), NAME)


def test_a_mask_of_a_weight_that_is_not_there_is_refused(content, tmp_path):
    content['mask']['backbone.nothing.weight'] = torch.ones(2, dtype=torch.bool)
    refused(save(content, tmp_path), 'backbone.nothing.weight')


def test_weights_where_the_mask_has_none_are_refused(content, tmp_path):
    content['mask'][NAME] = torch.zeros_like(content['mask'][NAME])
    content['state_dict'][NAME][0, 0, 0, 0] = 1e-30
    refused(save(content, tmp_path), NAME)


@pytest.mark.parametrize('change', ['widths', 'missing weight', 'more weights', 'shape', 'type'])
def test_architecture_and_weights_that_do_not_fit_are_refused_when_it_is_built(content, tmp_path,
                                                                              change):
    state = content['state_dict']
    if change == 'widths':
        block = next(iter(content['model']['backbone']['widths'].values()))
        block['channels'][3] = 99
    elif change == 'missing weight':
        del state['classifier.bias']
    elif change == 'more weights':
        state['classifier.more'] = torch.ones(1)
    elif change == 'shape':
        state['classifier.bias'] = torch.ones(7)
    else:
        content['model']['backbone']['type'] = 'mmst.Nothing'
    path = save(content, tmp_path)
    refused(path, 'do not belong together')
    content['digest'] = seal(content['version'], content)
    ticket = Ticket.load(save(content, tmp_path))
    with pytest.raises(TicketError, match='Remedy') as caught:
        ticket.build()
    assert '\n' not in str(caught.value)


def test_a_part_that_the_model_lacks_is_refused(trained):
    with pytest.raises(TicketError, match=r'head.*Remedy'):
        Ticket.load(trained[1]).build('head')


class Payload:
    """The code that a malicious file would run."""

    def __reduce__(self):
        return os.mkdir, (os.environ['MMST_TEST_PAYLOAD'], )


@pytest.mark.parametrize('where', ['file', 'meta', 'weights', 'plain pickle'])
def test_code_in_a_file_does_not_run(content, tmp_path, monkeypatch, where):
    made = tmp_path / 'made'
    monkeypatch.setenv('MMST_TEST_PAYLOAD', str(made))
    path = tmp_path / 'bad.pth'
    if where == 'plain pickle':
        path.write_bytes(pickle.dumps(Payload(), 2))
    else:
        content['meta' if where == 'meta' else 'state_dict']['x'] = Payload()
        torch.save(Payload() if where == 'file' else content, path)
    refused(path)
    assert not made.exists()
    if where == 'plain pickle':
        pickle.loads(path.read_bytes())
        assert made.exists()  # The payload would have run.
