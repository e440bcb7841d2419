"""Tickets that need the user's own modules: names in the file, and never an import."""
import sys
import textwrap

import pytest
import tiny
import torch

from mmst.errors import LIMIT, TicketError
from mmst.pruning.mask import Mask
from mmst.tickets import Ticket
from mmst.tickets.imports import missing_imports, needed_imports

MODULE = '''
import torch
from mmengine.registry import MODELS
from torch import nn

open({trace!r}, 'a').write('imported')

@MODELS.register_module(force=True)
class {name}(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.backbone = nn.Conv2d(3, width, 1)
'''


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Name of a module on the path that registers ``OwnNet``; what its import leaves."""
    name, trace = f'own_module_{tmp_path.name.replace("-", "_")}', tmp_path / 'trace'
    (tmp_path / f'{name}.py').write_text(textwrap.dedent(MODULE).format(
        trace=str(trace), name='OwnNet'))
    monkeypatch.syspath_prepend(str(tmp_path))
    yield name, trace
    sys.modules.pop(name, None)
    tiny.MODELS.module_dict.pop('OwnNet', None)


@pytest.fixture
def ticket(own, tmp_path):
    """A ticket of that network, taken where the module is imported, opened where it is not."""
    name, trace = own
    __import__(name)
    model = tiny.MODELS.build(dict(type='OwnNet'))
    path = tmp_path / 'ticket.pth'
    Ticket.from_model(model, dict(type='OwnNet'), Mask({}),
                      dict(default_scope='mmengine')).save(path)
    sys.modules.pop(name), tiny.MODELS.module_dict.pop('OwnNet'), trace.unlink()
    return path


def test_it_names_the_module_that_defines_its_class(own, ticket):
    assert Ticket.load(ticket).meta['imports'] == [own[0]]


@pytest.mark.parametrize('settings', [dict(layer='OwnNet'), dict(stages=[('OwnNet', 2)]),
                                      dict(layer='mmengine.OwnNet')])
def test_it_names_the_module_of_a_class_that_the_network_looks_up_by_another_key(own, settings):
    assert needed_imports(torch.nn.Identity(), settings) == []
    __import__(own[0])
    assert needed_imports(torch.nn.Identity(), settings) == [own[0]]


def test_the_error_names_the_module_in_one_line_and_nothing_is_imported(own, ticket):
    name, trace = own
    with pytest.raises(TicketError, match=f'Remedy: import {name} first') as caught:
        Ticket.load(ticket).build()
    assert f'--import {name}' in str(caught.value) and len(str(caught.value)) <= LIMIT
    assert '\n' not in str(caught.value) and not trace.exists() and name not in sys.modules


def test_it_opens_once_the_user_has_imported_the_module(own, ticket):
    __import__(own[0])
    assert Ticket.load(ticket).build().backbone.out_channels == 4


def test_without_a_record_the_error_stays_short(own, ticket):
    bare = Ticket.load(ticket)
    bare = Ticket(bare.model, bare.state_dict, bare.mask, dict(default_scope='mmengine'))
    with pytest.raises(TicketError, match=r'OwnNet is not in the .*Remedy: import the packages'):
        bare.build()


@pytest.mark.parametrize('listed', [
    'os', 5, [1, None], ['a b', 'x' * 100, '../x', 'os; rm', 'né\n'], ['nobody'] * 10**5])
def test_what_a_file_lists_is_shown_only_if_it_is_a_short_name(listed):
    assert missing_imports(dict(imports=listed)) in ([], ['nobody'] * 5)


def test_modules_of_adapters_are_named_too(own):
    from mmst.registry import UNIT_ADAPTERS
    from mmst.search.adapters import InvertedResidualAdapter

    class OwnAdapter(InvertedResidualAdapter):
        pass

    OwnAdapter.__module__ = own[0]
    key = f'{torch.nn.Conv2d.__module__}.Conv2d'
    UNIT_ADAPTERS.module_dict[key] = OwnAdapter
    try:
        from mmst.tickets.imports import needed_imports
        assert needed_imports(torch.nn.Conv2d(1, 1, 1), dict(type='Conv2d')) == [own[0]]
    finally:
        del UNIT_ADAPTERS.module_dict[key]
