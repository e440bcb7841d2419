"""S+P, retraining, lottery settings, transfer of classifiers and key points through the tools."""
import json

import pytest
import torch
from short_runs import short_run
from tiny_street import load_tool

from mmst.tickets import Ticket

pytestmark = pytest.mark.by_turns(4, 'searched')
METRICS = dict(imagenet='accuracy/top1', coco='coco/AP')


def tool(name, *args):
    return load_tool(name).main([str(arg) for arg in args])


def write_config(task, folder):
    """A short run's config as a file: search only, with rewind points."""
    cfg = short_run(task, folder).to_dict()
    cfg['default_hooks'].update(prune=None, rewind=dict(type='mmst.RewindHook', epochs=[0, 1]))
    cfg['default_hooks']['search'].update(threshold=0.99)
    for key in ('work_dir', 'experiment_name'):
        cfg.pop(key)
    path = folder / f'{task}.py'
    path.write_text('\n'.join(f'{key} = {value!r}' for key, value in cfg.items()))
    return path


@pytest.fixture(scope='module', params=METRICS)
def searched(request, tmp_path_factory):
    """Task, config and ticket (80% sparse) of a search that was pruned once."""
    folder = tmp_path_factory.mktemp(request.param)
    config = write_config(request.param, folder)
    assert tool('train', config, '--work-dir', folder / 'run') == 0
    assert tool('prune', config, folder / 'run' / 'ticket.pth', '--criterion', 'gradient',
                '--batches', 2, '--sparsity', 0.8, '--work-dir', folder / 'pruned') == 0
    return request.param, config, folder / 'pruned' / 'ticket.pth'


def test_a_searched_network_is_pruned_once_and_evaluated(searched):
    task, _, path = searched
    ticket, summary = Ticket.load(path), json.loads(path.with_suffix('.json').read_text())
    assert ticket.sparsity == pytest.approx(0.8, abs=1e-3) and METRICS[task] in summary['metrics']
    # A few of Adam's steps of 1e-3 bring no scale from 1 below the threshold.
    fewer = summary['params']['searched'] < summary['params']['supernet']
    assert fewer == (task == 'imagenet')


@pytest.mark.parametrize('name, more', [
    ('retrain', ()), ('lottery', ('rr-init', )), ('lottery', ('lt', )), ('transfer', ())])
def test_a_ticket_is_trained_under_its_mask(searched, tmp_path, name, more):
    task, config, path = searched
    rewind = ('--rewind-dir', path.parents[1] / 'run' / 'rewind') if 'lt' in more else ()
    assert tool(name, config, path, *more, *rewind, '--epochs', 1, '--work-dir', tmp_path) == 0
    before, after = Ticket.load(path), Ticket.load(tmp_path / 'ticket.pth')
    assert all(torch.equal(before.mask[key], after.mask[key]) for key in before.mask)
    metrics = json.loads((tmp_path / 'ticket.json').read_text())['metrics']
    assert METRICS[task] in metrics


def test_s_p_is_retrained_with_the_optimizer_of_its_search(searched, tmp_path):
    _, config, path = searched
    assert tool('retrain', config, path, '--from-checkpoint',
                path.parents[1] / 'run' / 'epoch_2.pth', '--epochs', 1, '--work-dir', tmp_path) == 0
    before, after = Ticket.load(path), Ticket.load(tmp_path / 'ticket.pth')
    assert after.meta['epoch'] == 3
    assert all(torch.equal(before.mask[key], after.mask[key]) for key in before.mask)


def test_rp_is_evaluated_without_training(searched, tmp_path):
    _, config, path = searched
    assert tool('lottery', config, path, 'rp', '--work-dir', tmp_path) == 0
    before, after = Ticket.load(path), Ticket.load(tmp_path / 'ticket.pth')
    assert after.mask.pruned == before.mask.pruned


def test_a_classifiers_features_are_carried_over_to_key_points(searched, tmp_path):
    task, _, path = searched
    if task != 'imagenet':
        pytest.skip('one direction')
    target = write_config('coco', tmp_path)
    assert tool('transfer', target, path, '--epochs', 1, '--work-dir', tmp_path / 'wd') == 0
    before, after = Ticket.load(path), Ticket.load(tmp_path / 'wd' / 'ticket.pth')
    assert before.model['backbone']['widths'] == after.model['backbone']['widths']
    assert all(torch.equal(kept, before.mask[name]) for name, kept in after.mask.items()
               if name.startswith('backbone.'))


# --------------------------------------------------------------------------------- bad input


def refusal(capfd, name, *args):
    """The one line that a tool refuses something with."""
    capfd.readouterr()
    assert tool(name, *args) == 2
    err = capfd.readouterr().err
    said = [line for line in err.splitlines() if line.startswith(f'{name}.py: error: ')]
    assert len(said) == 1 and 'Remedy: ' in said[0] and 'Traceback' not in err, err
    return said[0]


def test_a_search_alone_is_not_retrained_without_a_ticket(searched, tmp_path, capfd):
    _, config, path = searched
    assert 'no mask in force' in refusal(
        capfd, 'retrain', config, '--from-checkpoint', path.parents[1] / 'run' / 'epoch_2.pth',
        '--epochs', 1, '--work-dir', tmp_path / 'wd')


@pytest.mark.parametrize('name, more, said', [
    ('retrain', ('--cfg-options', 'model.backbone.expand_ratio=1'), 'search space'),
    ('prune', ('--cfg-options', 'model.backbone.expand_ratio=1'), 'architecture'),
    ('prune', ('--criterion', 'gradient', '--cfg-options',
               'train_dataloader.dataset.data_root=/no'), 'train_dataloader.dataset'),
    ('lottery', ('elt', '--point', '9'), 'was not saved'),
    ('transfer', ('--cfg-options', 'model.neck.expand_ratio=1'), 'neck')])
def test_what_does_not_fit_is_refused(searched, tmp_path, capfd, name, more, said):
    _, config, path = searched
    assert said in refusal(capfd, name, config, path, *more, '--work-dir', tmp_path / 'wd')
    assert not (tmp_path / 'wd').exists()
