"""Search and pruning of networks that are not this project's, by configs alone.

The configs are those of the test project in ``tests/downstream``.
"""
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.runner.checkpoint import load_checkpoint

import mmst  # noqa: F401  (first: it prepares OpenMMLab's packages)
from mmst.engine import PruneHook
from mmst.engine.run.events import events
from mmst.engine.run.runner_views import find_hook, models, unwrap
from mmst.lab.report.collect import collect
from mmst.lab.report.page import page
from mmst.search.units import find_units
from mmst.tickets import Ticket

sys.path.insert(0, str(Path(__file__).parent / 'downstream'))
import report as downstream

NETWORKS = downstream.CONFIGS
SEARCHED = 'foreign_mobilenetv2'
PARTS = dict(foreign_resnet18=('backbone', 'neck'), foreign_fcn_hrnet18s=('backbone', ),
             foreign_mobilenetv2=('backbone', 'neck'))
CHANCE = dict(foreign_resnet18=25., foreign_fcn_hrnet18s=100 / 19, foreign_mobilenetv2=25.)
IMAGES = dict(foreign_resnet18=(32, 32), foreign_fcn_hrnet18s=(64, 128),
              foreign_mobilenetv2=(32, 32))

# In another process, which knows nothing but the ticket.
REBUILD = '''
import sys
import torch
from mmst.tickets import Ticket
for path, image, output in zip(sys.argv[1::3], sys.argv[2::3], sys.argv[3::3]):
    with torch.no_grad():
        torch.save(Ticket.load(path).build()(torch.load(image)), output)
'''


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp('foreign')
    downstream.write_data(path)
    return path


@pytest.fixture
def inside(folder, monkeypatch):
    """Configs name their data as seen from the project's folder."""
    monkeypatch.chdir(folder)
    return folder / 'work_dirs'


@pytest.fixture(scope='module')
def finished(folder):
    """A run of each network, trained at first use."""
    runs = {}

    def train(name):
        if name not in runs:
            changes = {'default_hooks.checkpoint.interval': 9} if name == SEARCHED else {}
            torch.manual_seed(0)
            before = Path.cwd()
            os.chdir(folder)
            try:
                runs[name] = downstream.train(name, folder / 'work_dirs' / name, **changes)
            finally:
                os.chdir(before)
            print(runs[name].rows())
        return runs[name]

    return train


def first(output):
    return output[-1] if isinstance(output, (tuple, list)) else output


# ------------------------------------------------------------------------------ pruning


@pytest.mark.by_turns(5)
@pytest.mark.parametrize('name', NETWORKS)
def test_each_prune_has_the_exact_sparsity_of_backbone_and_neck(finished, name):
    run = finished(name)
    prunes = run.of('prune')
    assert len(prunes) >= 4 and prunes[-1]['ratio'] == find_hook(run.runner, PruneHook).sparsity
    for event in prunes:
        assert 0 <= event['pruned'] - event['ratio'] * event['total'] < 1
        assert event['sparsity'] == event['pruned'] / event['total']
    model = unwrap(run.runner)
    weights = {f'{name}.weight' for name, m in model.named_modules()
               if isinstance(m, (torch.nn.Conv2d, torch.nn.Linear))
               and name.split('.')[0] in PARTS[run.name]}
    assert set(find_hook(run.runner, PruneHook).weights(run.runner)) == weights
    assert sum(dict(model.named_parameters())[w].numel() for w in weights) == prunes[-1]['total']


@pytest.mark.by_turns(4)
@pytest.mark.parametrize('name', NETWORKS)
def test_accuracies_before_and_after_each_prune_are_reported(finished, name):
    run = finished(name)
    for event in run.of('prune'):
        for scores in (run.before, run.after):
            assert 0 <= scores[event['step']] <= 100
    assert max(run.after.values()) > 1.5 * CHANCE[name], 'it learns something at all'
    last = run.of('evaluate')[-1]
    assert last['at_target'] and last['sparsity'] == run.of('prune')[-1]['sparsity']
    assert run.after[last['step']] == pytest.approx(
        next(last['metrics'][m] for m in downstream.METRICS if m in last['metrics']))


@pytest.mark.parametrize('name', NETWORKS)
def test_pruned_weights_are_exactly_zero_in_the_model_its_average_and_the_ticket(finished, name):
    run = finished(name)
    ticket = Ticket.load(Path(run.runner.work_dir, 'ticket.pth'))
    assert ticket.sparsity == run.of('prune')[-1]['sparsity']
    for model in models(run.runner):
        weights = dict(model.named_parameters())
        assert not any(weights[n][~kept].any() for n, kept in ticket.mask.items())
        assert any(weights[n].any() for n in ticket.mask)


@pytest.mark.by_turns(3)
def test_tickets_give_the_same_outputs_in_a_fresh_process(finished, folder):
    arguments, expected = [], {}
    for name in NETWORKS:
        run = finished(name)
        model = models(run.runner)[-1]
        model.eval()
        image = torch.randn(2, 3, *IMAGES[name])
        with torch.no_grad():
            expected[name] = first(model(image))
        torch.save(image, folder / f'{name}_in.pt')
        arguments += [Path(run.runner.work_dir, 'ticket.pth'), folder / f'{name}_in.pt',
                      folder / f'{name}_out.pt']
    subprocess.run([sys.executable, '-W', 'ignore', '-c', REBUILD, *map(str, arguments)],
                   check=True, timeout=300)
    for name in NETWORKS:
        found = first(torch.load(folder / f'{name}_out.pt'))
        assert torch.equal(found, expected[name]), name


# ------------------------------------------------------------------- search and pruning


def test_the_search_removes_channels_by_learning(finished):
    run = finished(SEARCHED)
    searches = run.of('search')
    assert run.removed >= 1
    assert searches[-1]['params'] < searches[0]['params']
    groups = find_units(unwrap(run.runner))
    full = find_units(downstream.build(
        SEARCHED, Path(run.runner.work_dir).with_name('fresh'), **data_of(run)).model)
    assert sum(map(len, full.values())) - sum(map(len, groups.values())) == run.removed
    assert set(groups) == set(full) and all(len(group) >= 1 for group in groups.values())


def data_of(run):
    """The run's data, wherever the current folder is."""
    return {f'{split}_dataloader.dataset.data_root':
            str(Path(run.runner.work_dir).parents[1] / 'data/colours' / split)
            for split in ('train', 'val')}


def test_optimizer_and_average_follow_the_search(finished):
    run = finished(SEARCHED)
    model, average = models(run.runner)
    assert ([t.shape for t in model.state_dict().values()]
            == [t.shape for t in average.state_dict().values()])
    state = run.runner.optim_wrapper.optimizer.state
    live = [p for p in model.parameters() if p.requires_grad]
    assert all(p in state for p in live)
    for p, moments in state.items():
        assert moments['exp_avg'].shape == moments['exp_avg_sq'].shape == p.shape


def test_a_resumed_run_ends_as_the_uninterrupted_one(finished, inside):
    run = finished(SEARCHED)
    assert run.of('search')[-2]['removed'], 'the checkpoint holds a searched network'
    resumed = downstream.build(SEARCHED, inside / 'resumed', resume=True, load_from=str(
        inside / SEARCHED / 'epoch_9.pth'), **{'default_hooks.checkpoint.interval': 9})
    resumed.train()
    ours, theirs = (Ticket.load(Path(work_dir, 'ticket.pth')).state_dict
                    for work_dir in (run.runner.work_dir, resumed.work_dir))
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_its_report_has_the_events_and_says_that_there_is_no_drawing(finished, inside):
    run = finished(SEARCHED)
    data = collect(run.runner.work_dir)
    assert data.finished and data.before == {} and not data.notes
    assert [e['kind'] for e in data.entries] == [e['kind'] for e in events(run.runner)]
    text = page(data, [])
    assert 'no drawing of it' in text and 'aria-label="conv1.conv: ' in text
    assert 'before the search at 3' in text and 'multiply-adds (MACs) at 32x32' in text


def test_a_run_can_start_from_a_ticket(finished, inside):
    run = finished(SEARCHED)
    ticket = Path(run.runner.work_dir, 'ticket.pth')
    runner = downstream.build(SEARCHED, inside / 'started', load_from=str(ticket))
    runner.call_hook('before_run')
    runner.load_or_resume()
    for model in models(runner):
        assert {n: len(g) for n, g in find_units(model).items()} == {
            n: len(g) for n, g in find_units(models(run.runner)[-1]).items()}


def test_a_prepared_network_reads_a_ticket_as_a_checkpoint(finished, inside):
    from mmst.search.adapters import accept_searched_states
    run = finished(SEARCHED)
    model = accept_searched_states(downstream.build(SEARCHED, inside / 'read').model)
    load_checkpoint(model, str(Path(run.runner.work_dir, 'ticket.pth')), strict=True)
    image = torch.randn(1, 3, 32, 32)
    outputs = []
    for network in (model, models(run.runner)[-1]):
        network.eval()
        with torch.no_grad():
            outputs.append(first(network(image)))
    assert torch.equal(*outputs)


@pytest.mark.by_turns(3)
def test_synchronised_bn_in_one_process_is_searched_and_its_ticket_loaded_whole(folder, inside):
    """mmengine turns such layers into plain BN of a class of its own, before anything is loaded."""
    changes = {'model.backbone.norm_cfg': dict(type='SyncBN', requires_grad=True),
               'default_hooks.search.threshold': 0.99, 'default_hooks.search.interval': 1,
               'default_hooks.search.warmup': 0, 'train_cfg.max_epochs': 2,
               'default_hooks.checkpoint.interval': 2, 'param_scheduler': []}
    trained = downstream.build(SEARCHED, inside / 'sync', **changes)
    trained.train()
    assert any(e['removed'] for e in events(trained) if e['kind'] == 'search')
    last = [e for e in events(trained) if e['kind'] == 'evaluate'][-1]['metrics']
    tested = downstream.build(SEARCHED, inside / 'sync_tested', **changes, load_from=str(
        inside / 'sync' / 'ticket.pth'))
    assert tested.test()['accuracy/top1'] == last['accuracy/top1']
    widths = [{n: len(g) for n, g in find_units(model).items()}
              for model in (unwrap(tested), models(trained)[-1])]
    assert widths[0] == widths[1] and len(widths[0]) == 16
