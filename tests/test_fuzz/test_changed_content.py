"""Tickets and checkpoints that are files in order and say something else: swapped entries, other
shapes and types, wrong fields. Where even the digest fits, deeper checks must find it."""
import copy

import kills
import pytest
import torch
from damage import MODEL, cases, content_of, small_ticket
from hypothesis import given
from hypothesis import strategies as st
from tiny import TinySegmentor

from mmst.errors import TicketError
from mmst.models.widths import get_widths
from mmst.preflight.checkpoints import check_fits, read
from mmst.search.surgery import Cut
from mmst.search.units import find_units
from mmst.tickets import Ticket
from mmst.tickets.carry import load_part
from mmst.tickets.digest import digest

PARTS = ('model', 'state_dict', 'mask', 'meta')
NONSENSE = st.one_of(
    st.none(), st.booleans(), st.integers(-10, 10**6), st.floats(), st.text(max_size=5),
    st.lists(st.integers(), max_size=3), st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
    st.builds(torch.zeros, st.lists(st.integers(0, 4), max_size=5)),
    st.builds(lambda: torch.tensor([float('nan')])), st.builds(lambda: torch.ones(3).to_sparse()))


# ------------------------------------------------------------------------------ changes


def swap(entries, one, other):
    """Two entries change places."""
    names = list(entries)
    one, other = names[one % len(names)], names[other % len(names)]
    entries[one], entries[other] = entries[other], entries[one]


def rename(entries, which, name):
    names = list(entries)
    entries[name] = entries.pop(names[which % len(names)])


def drop(entries, which):
    del entries[list(entries)[which % len(entries)]]


def replace(entries, which, value):
    entries[list(entries)[which % len(entries)]] = value


def add(entries, name, value):
    entries[name] = value


def reshape(entries, which, how):
    name = list(entries)[which % len(entries)]
    tensor = entries[name]
    if torch.is_tensor(tensor):
        entries[name] = how(tensor)


SHAPES = st.sampled_from([
    lambda t: t.flatten(), lambda t: t.unsqueeze(0), lambda t: t[:-1] if t.dim() else t,
    lambda t: t[:0] if t.dim() else t, lambda t: torch.cat([t, t]) if t.dim() else t,
    lambda t: t.transpose(0, -1) if t.dim() else t, lambda t: t.double(), lambda t: t.half(),
    lambda t: t.to(torch.int8), lambda t: t.bool(), lambda t: t.to(torch.complex64),
    lambda t: t.expand(2, *t.shape), lambda t: t.to('meta')])
WHICH = st.integers(0, 300)


def on(key, function, *arguments):
    """Strategy of changes to one part of a content."""
    return st.builds(lambda *values: lambda content: function(content[key], *values), *arguments)


def deep(content, path, value):
    """Replace an entry of nested settings; the path wanders through dicts and lists."""
    inner = content['model']
    for step in path:
        key = list(inner)[step % len(inner)]
        if not isinstance(inner[key], dict) or not inner[key] or step is path[-1]:
            inner[key] = value
            return
        inner = inner[key]


CHANGE = st.one_of(
    *[on(key, swap, WHICH, WHICH) for key in ('state_dict', 'mask')],
    *[on(key, rename, WHICH, st.text(max_size=5)) for key in PARTS],
    *[on(key, drop, WHICH) for key in PARTS],
    *[on(key, replace, WHICH, NONSENSE) for key in PARTS],
    *[on(key, add, st.one_of(st.text(max_size=5), st.integers()), NONSENSE) for key in PARTS],
    *[on(key, reshape, WHICH, SHAPES) for key in ('state_dict', 'mask')],
    st.builds(lambda path, value: lambda content: deep(content, path, value),
              st.lists(WHICH, min_size=1, max_size=4), NONSENSE),
    st.builds(lambda key, value: lambda content: content.update({key: value}),
              st.sampled_from([*PARTS, 'format', 'version', 'digest']), NONSENSE),
    st.builds(lambda key: lambda content: content.pop(key, None),
              st.sampled_from([*PARTS, 'format', 'version', 'digest'])))


# ---------------------------------------------------------------------------- tickets


def whole():
    return copy.deepcopy(content_of(small_ticket()))


def saved(content, path):
    torch.save(content, path)
    return path


def sealed(content):
    """With a digest that fits, as a forger would."""
    try:
        return dict(content, digest=digest({key: content[key] for key in PARTS}))
    except Exception:
        return content


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
def test_a_config_in_a_ticket_builds_registered_classes_only(tmp_path, monkeypatch, settings, where):
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
