"""Tickets and checkpoints that are files in order and say something else: swapped entries, other
shapes and types, wrong fields. Where even the digest fits, deeper checks must find it."""
import copy

import kills
import pytest
import torch
from changes import CHANGE, PARTS
from damage import MODEL, cases, content_of, small_ticket
from hypothesis import given
from hypothesis import strategies as st
from tiny import TinySegmentor

from mmst.engine.run.start_file import check_fits, read
from mmst.errors import TicketError
from mmst.models.hrnas.widths import get_widths
from mmst.search.surgery import Cut
from mmst.search.units import find_units
from mmst.tickets import Ticket
from mmst.tickets.carry import load_part
from mmst.tickets.content import seal

# ---------------------------------------------------------------------------- tickets


def whole():
    return copy.deepcopy(content_of(small_ticket()))


def saved(content, path):
    torch.save(content, path)
    return path


def sealed(content):
    """With a digest that fits, as a forger would."""
    try:
        return dict(content, digest=seal(content['version'], content))
    except Exception:
        return content


@pytest.mark.by_turns(4)
@cases(300)
@given(CHANGE, st.booleans())
def test_a_changed_ticket_is_refused_or_is_what_it_says(tmp_path_factory, change, seals):
    path = tmp_path_factory.getbasetemp() / 'changed.pth'
    small_ticket().save(path)
    content = torch.load(path, weights_only=True)
    before = copy.deepcopy(content)
    change(content)
    saved(sealed(content) if seals else content, path)
    try:
        ticket = Ticket.load(path)
        network = ticket.build()
    except TicketError as error:
        assert '\n' not in str(error)
        return
    if not seals:  # Only what nobody reads has changed.
        assert not kills.differences({k: before[k] for k in PARTS}, {k: content[k] for k in PARTS})
    own = network.state_dict()
    assert not [name for name in own.keys() ^ ticket.state_dict.keys()
                if not name.endswith('num_batches_tracked')]
    assert all(loaded(own[name], value) for name, value in ticket.state_dict.items())


def loaded(tensor, value):
    """Whether a tensor has the value of a file; torch takes one of one entry for one without
    dimensions, and converts types."""
    value = value.reshape(tensor.shape) if not tensor.dim() and value.numel() == 1 else value
    return torch.equal(tensor, value.to(tensor.dtype))


def searched(seed=0):
    """Another network of the same search space, already cut."""
    torch.manual_seed(seed)
    model = TinySegmentor(MODEL['backbone'], MODEL['neck'])
    for group in find_units(model).values():
        group.keep(torch.arange(max(len(group) // 2, 1)), Cut())
    return model


def picture(model):
    """All that a load could change."""
    return dict(state={n: t.clone() for n, t in model.state_dict().items()}, text=repr(model),
                widths=get_widths(model), trained=[n for n, p in model.named_parameters()
                                                   if p.requires_grad])


@pytest.mark.by_turns(3)
@cases(150)
@given(CHANGE, st.sampled_from(['backbone', 'neck', 'classifier']))
def test_a_network_is_loaded_whole_or_not_at_all(change, part):
    content = whole()
    change(content)
    try:
        ticket = Ticket(content['model'], content['state_dict'], small_ticket().mask, {})
        ticket.check()
    except (TicketError, KeyError, AttributeError, TypeError):
        return
    model = searched()
    before = picture(model)
    try:
        load_part(model, part, ticket)
    except TicketError:
        assert not kills.differences(before, picture(model))


# -------------------------------------------------------------------------- checkpoints


@pytest.mark.by_turns(3)
@cases(150)
@given(CHANGE)
def test_a_changed_checkpoint_is_refused_or_loads_whole(tmp_path_factory, change):
    path = tmp_path_factory.getbasetemp() / 'epoch_1.pth'
    content = whole()
    change(content)
    saved(content, path)
    try:
        found = read(str(path))
        model = searched()
        check_fits(str(path), found, model, whole=True)
    except TicketError as error:
        assert '\n' not in str(error)
        return
    own = model.state_dict()
    assert all(loaded(own[name], value) for name, value in found['state_dict'].items()
               if name in own)


# ------------------------------------------------------- a config that would run something


@pytest.mark.parametrize('settings', [
    dict(type='os.mkdir', path='made'), dict(type='mmengine.mkdir_or_exist', dir_name='made'),
    dict(type='pathlib.Path.mkdir'), dict(type='builtins.eval'), dict(type='this'),
    dict(type='mmengine.fileio.put_text', obj='x', filepath='made')])
@pytest.mark.parametrize('where', ['model', 'backbone', 'norm'])
def test_a_config_in_a_ticket_builds_registered_classes_only(tmp_path, monkeypatch, settings,
                                                            where):
    monkeypatch.chdir(tmp_path)
    content = whole()
    if where == 'model':
        content['model'] = settings
    elif where == 'backbone':
        content['model']['backbone'] = settings
    else:
        content['model']['data_preprocessor'] = settings
    content.update(format='mmst.ticket', version=2)
    ticket = Ticket.load(saved(sealed(content), tmp_path / 'ticket.pth'))
    with pytest.raises(TicketError, match='cannot be built'):
        ticket.build()
    assert [path.name for path in tmp_path.iterdir()] == ['ticket.pth']
