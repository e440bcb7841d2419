"""S+P, retraining, lottery settings and transfer through the tools."""
import json

import pytest
import torch
from mmengine.registry import RUNNERS
from mmengine.runner import Runner
from tiny_street import load_tool, write_config

from mmst.tickets import Ticket

SEARCH_ONLY = '''
default_hooks.update(prune=None, rewind=dict(type='mmst.RewindHook', epochs=[0, 1]))
'''
SHORT = ('--epochs', '1')


def write(path, data, more):
    """The tiny config with a few lines more."""
    write_config(path, data)
    path.write_text(f'{path.read_text()}\n{more}')
    return str(path)


def tool(name, *args):
    return load_tool(name).main([str(arg) for arg in args])


@pytest.fixture(scope='module')
def source(tmp_path_factory, streets):
    """Config and work dir of a search-only run with rewind points."""
    folder = tmp_path_factory.mktemp('source')
    config = write(folder / 'search.py', streets, SEARCH_ONLY)
    assert tool('train', config, '--work-dir', folder / 'run') == 0
    return config, folder / 'run'


@pytest.fixture(scope='module')
def pruned(source):
    config, folder = source
    out = folder.parent / 'pruned.pth'
    assert tool('prune', config, folder / 'ticket.pth', '--out', out, '--sparsity', '0.8',
                '--work-dir', folder.parent / 'prune') == 0
    return config, out


def is_weights_only(path):
    return torch.load(path, weights_only=True)['format'] == 'mmst.ticket'


@pytest.mark.by_turns(4)
@pytest.mark.parametrize('criterion', ['random', 'magnitude', 'gradient', 'obc'])
@pytest.mark.parametrize('name', ['ticket.pth', 'epoch_2.pth'])
def test_a_searched_network_is_pruned_once_by_any_criterion(source, tmp_path, name, criterion):
    config, folder = source
    out = tmp_path / 'out.pth'
    assert tool('prune', config, folder / name, '--criterion', criterion, '--sparsity', '0.8',
                '--batches', '2', '--out', out, '--work-dir', tmp_path / 'wd') == 0
    ticket, summary = Ticket.load(out), json.loads(out.with_suffix('.json').read_text())
    before = Ticket.load(folder / 'ticket.pth')
    assert before.sparsity == 0. and ticket.mask.pruned == -(-ticket.mask.total * 8 // 10)
    assert ticket.model == before.model and ticket.meta['survivors'] == before.meta['survivors']
    assert set(summary['metrics']) == {'mIoU', 'mAcc', 'aAcc'}
    assert summary['params']['searched'] < summary['params']['supernet']
    assert summary['origin']['criterion'] == criterion and is_weights_only(out)

def test_a_runner_of_the_users_own_evaluates_a_pruned_network(source, tmp_path):
    config, folder = source

    @RUNNERS.register_module(force=True)
    class OwnRunner(Runner):

        def val(self):
            return dict(super().val(), own=1.)

    out = tmp_path / 'out.pth'
    assert tool('prune', config, folder / 'ticket.pth', '--criterion', 'magnitude', '--sparsity',
                '0.8', '--batches', '2', '--out', out, '--work-dir', tmp_path / 'wd',
                '--cfg-options', 'runner_type=OwnRunner') == 0
    assert json.loads(out.with_suffix('.json').read_text())['metrics']['own'] == 1.


def test_retraining_keeps_the_mask(pruned, tmp_path):
    config, path = pruned
    assert tool('retrain', config, path, '--work-dir', tmp_path, *SHORT) == 0
    before, after = Ticket.load(path), Ticket.load(tmp_path / 'ticket.pth')
    assert all(torch.equal(before.mask[name], after.mask[name]) for name in before.mask)
    assert after.meta['epoch'] == 1
    assert 'metrics' in json.loads((tmp_path / 'ticket.json').read_text())


@pytest.mark.parametrize('words', [
    'prune CONFIG TICKET', 'lottery CONFIG TICKET rp',
    'lottery CONFIG TICKET rr-init', 'retrain CONFIG TICKET', 'transfer CONFIG TICKET'])
def test_a_work_directory_whose_ticket_is_read_is_refused(pruned, tmp_path, capfd, words):
    config, path = pruned
    ticket = tmp_path / 'ticket.pth'
    ticket.write_bytes(path.read_bytes())
    name, *rest = words.replace('CONFIG', config).replace('TICKET', str(ticket)).split()
    assert tool(name, *rest, '--work-dir', tmp_path) == 2
    error = capfd.readouterr().err
    assert f"work_dir = {str(ticket)!r}: is the file that is read" in error.replace(
        '--work-dir', 'work_dir') and 'Remedy: ' in error
    assert ticket.read_bytes() == path.read_bytes() and list(tmp_path.iterdir()) == [ticket]


def test_retraining_from_a_checkpoint_goes_on_with_its_epochs(config, trained, tmp_path):
    assert tool('retrain', config, '--from-checkpoint', trained / 'epoch_2.pth', '--work-dir',
                tmp_path, *SHORT) == 0
    before, after = Ticket.load(trained / 'ticket.pth'), Ticket.load(tmp_path / 'ticket.pth')
    assert after.meta['epoch'] == 3
    assert all(torch.equal(before.mask[name], after.mask[name]) for name in before.mask)


@pytest.mark.by_turns(3)
def test_a_config_that_names_a_ticket_retrains_it(pruned, streets, tmp_path):
    config = write(tmp_path / 'rt.py', streets,
                   f'retrain = dict(ticket={str(pruned[1])!r}, epochs=1)\n')
    assert tool('train', config, '--work-dir', tmp_path / 'wd') == 0
    assert Ticket.load(tmp_path / 'wd' / 'ticket.pth').sparsity == Ticket.load(pruned[1]).sparsity


@pytest.mark.by_turns(4)
@pytest.mark.parametrize('setting', ['rp', 'rr-init', 'lt', 'elt', 'llt'])
def test_every_lottery_setting_ends_with_a_ticket(source, pruned, tmp_path, setting):
    config, path = pruned
    assert tool('lottery', config, path, setting, '--rewind-dir', source[1] / 'rewind',
                '--work-dir', tmp_path, *SHORT) == 0
    before, after = Ticket.load(path), Ticket.load(tmp_path / 'ticket.pth')
    assert after.mask.pruned == before.mask.pruned and after.model == before.model
    same = all(torch.equal(before.mask[name], after.mask[name]) for name in before.mask)
    assert same == (setting != 'rp')
    assert set(json.loads((tmp_path / 'ticket.json').read_text())['metrics']) == {
        'mIoU', 'mAcc', 'aAcc'}


@pytest.mark.by_turns(4)
@pytest.mark.parametrize('variant', ['st', 'rp', 'rr-init'])
def test_transfer_has_a_new_classifier_and_fixed_features(pruned, tmp_path, variant, capfd):
    config, path = pruned
    assert tool('transfer', config, path, '--variant', variant, '--work-dir', tmp_path, *SHORT,
                '--cfg-options', 'log_level=INFO') == 0
    out = capfd.readouterr()
    table = [line.split() for line in (out.out + out.err).splitlines()]
    assert ['decode_head', 'new'] in [row[:2] for row in table]
    assert any(row[:1] == ['neck'] and row[-1].endswith('%') for row in table)
    before, after = Ticket.load(path), Ticket.load(tmp_path / 'ticket.pth')
    assert after.mask.pruned == before.mask.pruned
    assert after.model['backbone']['widths'] == before.model['backbone']['widths']


@pytest.mark.by_turns(5)
def test_transfer_with_the_neck_of_another_ticket_or_a_new_one(pruned, source, tmp_path):
    config, path = pruned
    assert tool('transfer', config, path, '--neck-ticket', source[1] / 'ticket.pth',
                '--work-dir', tmp_path / 'a', *SHORT) == 0
    assert tool('transfer', config, path, '--new-neck', '--work-dir', tmp_path / 'b', *SHORT) == 0
    before = Ticket.load(path)
    own, new = (Ticket.load(tmp_path / name / 'ticket.pth') for name in 'ab')
    for ticket in (own, new):
        assert all(kept.all() for name, kept in ticket.mask.items() if name.startswith('neck.'))
        assert all(torch.equal(kept, before.mask[name]) for name, kept in ticket.mask.items()
                   if name.startswith('backbone.'))
    assert own.model['neck']['widths'] == before.model['neck']['widths']
    assert new.model['neck']['widths'] != before.model['neck']['widths']


# --------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize('call, said', [
    (('prune', 'T', '--sparsity', '90'), '--sparsity'),
    (('prune', 'nowhere.pth'), 'no such file'),
    (('prune', 'T', '--criterion', 'gradient', '--batches', '0'), '--batches'),
    (('prune', 'T', '--batches', '-4'), '--batches'),
    (('prune', 'T', '--criterion', 'random', '--seed', '-1'), '--seed'),
    (('prune', 'T', '--criterion', 'lamp', '--scope', 'layer'), '--scope'),
    (('lottery', 'T', 'rp', '--seed', '-1'), '--seed'),
    (('lottery', 'T', 'rp', '--epochs', '-1'), '--epochs'),
    (('prune', 'T', '--criterion', 'gradient', '--cfg-options',
      'train_dataloader.dataset.data_root=/no'), 'train_dataloader.dataset.data_root'),
    (('prune', 'T', '--cfg-options', 'model.backbone.depths=((1,),(2,1))'), 'architecture'),
    (('retrain', 'T', '--cfg-options', 'model.backbone.depths=((1,),(2,1))'), 'search space'),
    (('retrain', ), 'nothing to train'),
    (('retrain', '--from-checkpoint', 'nowhere.pth'), 'no such file'),
    (('lottery', 'T', 'lt'), 'the run kept none. Remedy: train with'),
    (('lottery', 'T', 'elt', '--rewind-dir', 'R', '--point', '7'), 'the run kept 0, 1'),
    (('transfer', 'T', '--cfg-options', 'model.neck.out_channels=6',
      'model.decode_head.in_channels=6', 'model.decode_head.channels=6'), 'neck'),
    (('transfer', ), 'nothing to transfer')])
def test_bad_input_is_refused_in_one_line_with_a_remedy(pruned, source, tmp_path, capfd, call,
                                                        said):
    config, path = pruned
    words = {'T': path, 'R': source[1] / 'rewind'}
    name, *args = call
    capfd.readouterr()
    assert tool(name, config, *[words.get(arg, arg) for arg in args], '--work-dir',
                tmp_path / 'wd') == 2
    err = capfd.readouterr().err
    assert err.count('\n') == 1 and said in err and 'Remedy: ' in err, err
    assert not (tmp_path / 'wd').exists()
