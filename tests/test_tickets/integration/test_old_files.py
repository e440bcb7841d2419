"""Files from before the coordinate map's channels changed places give what they gave then.

``tests/old_files/make.py`` tells how they were made.
"""
import copy
import lzma
from pathlib import Path

import pytest
import torch
from mmengine.runner import load_checkpoint
from old_files.make import make, output
from torch import nn

from mmst.deploy import SparseModel
from mmst.deploy.compact import compact
from mmst.deploy.export.sparse_file import load_sparse, save_sparse
from mmst.deploy.open import open_ticket
from mmst.engine.run.runner_views import averaged_model, unwrap
from mmst.engine.run.start_file import check_tested
from mmst.models.hrnas.coordinate_order import convert, projections, swap
from mmst.models.hrnas.lightweight_transformer import LightweightTransformer
from mmst.openmmlab.safe_checkpoints import safe_load
from mmst.tickets import Ticket

FILES = Path(__file__).parents[2] / 'old_files'
NAMES = ('ticket', 'compact', 'sparse', 'epoch_1', 'outputs')


@pytest.fixture(scope='module')
def old(tmp_path_factory):
    """Folder of the old files, unpacked."""
    folder = tmp_path_factory.mktemp('old')
    for name in NAMES:
        data = lzma.decompress((FILES / f'{name}.pth.xz').read_bytes())
        (folder / f'{name}.pth').write_bytes(data)
    return folder


@pytest.fixture(scope='module')
def outputs(old):
    return safe_load(str(old / 'outputs.pth'))


@pytest.fixture
def model(old):
    """A network of the files' architecture with other weights."""
    return nn.Module.train(Ticket.load(old / 'ticket.pth').build().apply(_forget))


@torch.no_grad()
def _forget(module):
    for p in module.parameters(recurse=False):
        p.fill_(0.5)


def assert_same(found, expected):
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def rewritten(path, target, **changes):
    """The file's content, written again with changes by torch alone."""
    content = safe_load(str(path))
    torch.save({key: value for key, value in dict(content, **changes).items()
                if value is not None}, target)
    return target


# ------------------------------------------------------------------------------------ tickets


def test_an_old_ticket_gives_what_it_gave(old, outputs):
    assert safe_load(str(old / 'ticket.pth'))['version'] == 2
    assert_same(output(Ticket.load(old / 'ticket.pth').build()), outputs['ticket'])


def test_the_order_of_the_coordinates_shows_in_the_old_files(old, outputs):
    """Otherwise the tests here would pass without any conversion."""
    ticket = Ticket.load(old / 'ticket.pth')
    names = projections(ticket.state_dict)
    assert len(names) == 2 and all(name in ticket.mask for name in names)
    assert any(not torch.equal(ticket.mask[n], swap(ticket.mask[n])) for n in names)
    state = {n: swap(t) if n in names else t for n, t in ticket.state_dict.items()}
    network = ticket.build()
    network.load_state_dict(state)
    assert (output(network) - outputs['ticket']).abs().max() > 1e-3


def test_a_ticket_of_the_first_version_is_converted_too(old, outputs, tmp_path):
    """By ``tools/seal.py``: it has no digest."""
    path = rewritten(old / 'ticket.pth', tmp_path / 'ticket.pth', version=1, digest=None)
    ticket = Ticket.from_content(path, safe_load(str(path)), unsealed=True)
    assert_same(output(ticket.build()), outputs['ticket'])


def test_a_converted_ticket_is_saved_in_the_new_version_and_not_converted_again(old, outputs,
                                                                                 tmp_path):
    Ticket.load(old / 'ticket.pth').save(tmp_path / 'ticket.pth')
    assert safe_load(str(tmp_path / 'ticket.pth'))['version'] == 3
    again = Ticket.load(tmp_path / 'ticket.pth')
    assert_same(output(again.build()), outputs['ticket'])
    again.check()


def test_the_mask_of_an_old_ticket_follows_its_weights(old):
    """``check`` refuses weights where the mask has none."""
    ticket = Ticket.load(old / 'ticket.pth')
    before = safe_load(str(old / 'ticket.pth'))
    ticket.check()
    assert ticket.sparsity == before['meta']['sparsity']
    for name in projections(ticket.state_dict):
        assert torch.equal(ticket.mask[name], swap(before['mask'][name]))


def test_the_toolboxes_loader_converts_an_old_ticket(old, outputs, model):
    load_checkpoint(model, str(old / 'ticket.pth'))
    assert_same(output(model), outputs['ticket'])


def test_the_check_of_a_tested_file_converts_it(old, outputs, model):
    content, ticket = check_tested(str(old / 'ticket.pth'), model)
    assert content['version'] == 3
    assert_same(output(model), outputs['ticket'])
    assert_same(output(ticket.build()), outputs['ticket'])


# ---------------------------------------------------------------- sparse files, compact tickets


def test_an_old_sparse_file_gives_what_it_gave(old, outputs, tmp_path):
    ticket = open_ticket(str(old / 'sparse.pth'))
    assert_same(output(ticket.build()), outputs['ticket'])
    ticket.check()
    save_sparse(ticket, tmp_path / 'sparse.pth')
    assert safe_load(str(tmp_path / 'sparse.pth'))['version'] == 3
    assert_same(output(load_sparse(tmp_path / 'sparse.pth').build()), outputs['ticket'])


def test_an_old_compact_ticket_gives_what_it_gave(old, outputs):
    assert_same(output(Ticket.load(old / 'compact.pth').build()), outputs['compact'])


def test_an_old_compact_ticket_can_be_compacted_again(old, outputs, tmp_path):
    compact(Ticket.load(old / 'compact.pth')).save(tmp_path / 'compact.pth')
    assert_same(output(Ticket.load(tmp_path / 'compact.pth').build()), outputs['compact'])


def test_compacting_an_old_ticket_gives_what_it_gave(old, outputs):
    assert_same(output(compact(Ticket.load(old / 'ticket.pth')).build()), outputs['compact'])


@pytest.mark.parametrize('name', ['ticket', 'compact'])
def test_the_sparse_engine_gives_what_an_old_file_gave(old, outputs, name):
    sparse = SparseModel.from_ticket(str(old / f'{name}.pth'), threads=1)
    assert_same(output(sparse.model), outputs[name])


# -------------------------------------------------------------------------------- checkpoints


def test_an_old_checkpoint_gives_what_it_gave(old, outputs, model):
    load_checkpoint(model, str(old / 'epoch_1.pth'))
    assert_same(output(model), outputs['checkpoint'])


def test_the_weights_of_an_old_checkpoint_tell_their_order_by_themselves(old, outputs, model):
    state = safe_load(str(old / 'epoch_1.pth'))['state_dict']
    for _ in range(2):  # loading changes nothing in what is loaded
        model.load_state_dict(state)
        assert_same(output(model), outputs['checkpoint'])


@pytest.mark.parametrize('prefix', ['', 'module.'])
def test_a_file_of_old_weights_alone_is_converted(old, outputs, model, prefix, tmp_path):
    state = safe_load(str(old / 'epoch_1.pth'))['state_dict']
    wrapped = nn.ModuleDict(dict(module=model)) if prefix else model
    own = type(state)((prefix + name, value) for name, value in state.items())
    own._metadata = {name: dict(entry) for name, entry in wrapped.state_dict()._metadata.items()}
    for entry in own._metadata.values():
        entry['version'] = 1
    torch.save(own, tmp_path / 'weights.pth')
    load_checkpoint(model, str(tmp_path / 'weights.pth'))
    assert_same(output(model), outputs['checkpoint'])


def without_metadata(content):
    """A checkpoint whose weights were put into other dicts, as those do who change names."""
    for key in ('state_dict', 'ema_state_dict'):
        content[key] = dict(content[key])
    return content


def test_an_old_checkpoint_without_metadata_is_known_by_its_format(old, outputs, model, tmp_path):
    torch.save(without_metadata(safe_load(str(old / 'epoch_1.pth'))), tmp_path / 'plain.pth')
    load_checkpoint(model, str(tmp_path / 'plain.pth'))
    assert_same(output(model), outputs['checkpoint'])


def test_a_new_checkpoint_without_metadata_is_known_by_its_format(tmp_path):
    runner = make(tmp_path / 'run')
    runner.train()
    content = without_metadata(safe_load(str(tmp_path / 'run' / 'epoch_2.pth')))
    assert content['mmst_format'] == 2
    before = dict(content['state_dict'])
    convert(content)
    assert projections(before)
    assert all(torch.equal(content['state_dict'][name], before[name]) for name in before)


def test_new_checkpoints_are_not_converted(old, outputs, model, tmp_path):
    load_checkpoint(model, str(old / 'epoch_1.pth'))
    torch.save(dict(meta={}, state_dict=model.state_dict()), tmp_path / 'new.pth')
    again = copy.deepcopy(model).apply(_forget)
    load_checkpoint(again, str(tmp_path / 'new.pth'))
    assert_same(output(again), outputs['checkpoint'])


def test_converting_twice_is_converting_once(old):
    for change in (lambda content: content, without_metadata):
        once = convert(change(safe_load(str(old / 'epoch_1.pth'))))
        before = {key: dict(once[key]) for key in ('state_dict', 'ema_state_dict')}
        twice = convert(once)
        for key, state in before.items():
            assert all(torch.equal(state[name], twice[key][name]) for name in state)


def test_remembered_values_of_pruned_weights_are_converted(old):
    content = safe_load(str(old / 'epoch_1.pth'))
    names = projections(content['state_dict'])
    values = {name: torch.randn(content['state_dict'][name].shape) for name in names}
    content['mmst_mask']['values'] = dict(values)
    convert(content)
    for name in names:
        assert torch.equal(content['mmst_mask']['values'][name], swap(values[name]))


def test_a_run_that_goes_on_from_an_old_checkpoint_ends_as_it_would_have(old, tmp_path):
    """Weights, averages, mask and AdamW's moments: a second epoch needs all of them."""
    runner = make(tmp_path, resume=True, load_from=str(old / 'epoch_1.pth'))
    runner.train()
    assert runner.epoch == 2
    found, expected = Ticket.load(tmp_path / 'ticket.pth'), Ticket.load(old / 'ticket.pth')
    for name, weight in expected.state_dict.items():
        torch.testing.assert_close(found.state_dict[name], weight, rtol=1e-4, atol=1e-5, msg=name)
    for name, kept in expected.mask.items():
        assert torch.equal(found.mask[name], kept), name
    for network in (unwrap(runner), averaged_model(runner).module):
        for m in network.modules():
            if isinstance(m, LightweightTransformer):
                assert torch.equal(m.input_proj.weight == 0, ~_kept(found, network, m))


def _kept(ticket, network, transformer):
    name = next(name for name, m in network.named_modules() if m is transformer)
    return ticket.mask[f'{name}.input_proj.weight']
