"""One run trains nested masks, and writes them as one file."""
import itertools
import json
from types import SimpleNamespace

import pytest
import rank_jobs
import ranks
import torch
from tiny import WEAKEN, averaged_model, find_hook, find_units, make, unwrap

from mmst.engine import PruneHook
from mmst.engine.hooks import family_file, level_training
from mmst.engine.hooks.level_training import LEVELS, drawn_place
from mmst.errors import ConfigError, TicketError, TrainingError
from mmst.pruning.levels import KEPT_BY
from mmst.tickets import Ticket

FAMILY = (0.3, 0.6, 0.8)
PRUNE = dict(sparsity=0.6, interval=1, schedule='one_shot', revive='value', family=FAMILY,
             family_every=1, debug=True)
ADAM = dict(type='Adam', lr=0.01)


def levels_run(folder, epochs=4, probes=(WEAKEN, ), **more):
    prune = dict(PRUNE, **more.pop('prune', {}))
    settings = dict(search=dict(interval=2), length=4, batch_size=2, ticket=True,
                    checkpoint=dict(interval=1), val=epochs, optimizer=ADAM)
    return make(folder, epochs, probes=probes, prune=prune, **dict(settings, **more))


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """A run with levels, and the folder that it has written."""
    folder = tmp_path_factory.mktemp('levels')
    runner = levels_run(folder)
    runner.train()
    return runner, folder


def test_file_has_all_levels_each_of_its_sparsity_and_nested(trained):
    _, folder = trained
    family = Ticket.load(folder / 'family.pth')
    masks = []
    for level in FAMILY:
        ticket = family.at(level)
        assert ticket.family is None and ticket.sparsity == ticket.meta['sparsity']
        # The last search has removed units under the mask of the target, which does not grow again.
        slack = 0.02 * ticket.mask.total if level == 0.6 else 1
        assert 0 <= ticket.mask.pruned - level * ticket.mask.total < slack
        assert all(not ticket.state_dict[name][~kept].any() for name, kept in ticket.mask.items())
        masks.append(ticket.mask)
    for looser, sparser in itertools.pairwise(masks):
        assert all(bool((looser[name] | ~sparser[name]).all()) for name in looser)


@torch.no_grad()
def weaken_what_is_kept(runner):
    """Before the last search the first units of each group become unimportant."""
    if runner.epoch + 1 != 4:
        return
    copies = find_units(averaged_model(runner).module)
    for name, group in find_units(unwrap(runner)).items():
        for bn in (group.bn, copies[name].bn):
            bn.weight[:len(group) * 2 // 3] = bn.bias[:len(group) * 2 // 3] = 0


def test_family_opens_however_many_units_the_last_search_cuts_under_its_masks(tmp_path):
    levels_run(tmp_path, probes=[(60, dict(after_train_epoch=weaken_what_is_kept))]).train()
    family, ticket = (Ticket.load(tmp_path / f'{name}.pth') for name in ('family', 'ticket'))
    assert ticket.sparsity > 0.62  # a unit of many kept weights has left: the others are sparser
    assert family.at(0.6).meta['sparsity'] == family.at(0.6).sparsity == ticket.sparsity
    rows = json.loads((tmp_path / 'family.json').read_text())['levels']
    assert [row['sparsity'] for row in rows] == [family.at(level).sparsity for level in FAMILY]


def test_family_that_nothing_would_open_is_not_written(tmp_path, monkeypatch):
    def overflow(runner, model):
        next(iter(family_file._statistics(model).values())).fill_(float('inf'))

    monkeypatch.setattr(family_file, '_recalibrate', overflow)
    with pytest.raises(TrainingError, match=r'family\.pth is not written: .*finite.* Remedy: '):
        levels_run(tmp_path, 2, val=0).train()
    assert Ticket.load(tmp_path / 'ticket.pth') and not (tmp_path / 'family.pth').exists()


def test_level_of_the_target_is_the_ticket_of_the_run(trained):
    _, folder = trained
    level, ticket = Ticket.load(folder / 'family.pth').at(0.6), Ticket.load(folder / 'ticket.pth')
    assert level.state_dict.keys() == ticket.state_dict.keys()
    assert all(torch.equal(value, ticket.state_dict[name])
               for name, value in level.state_dict.items())
    assert all(torch.equal(kept, ticket.mask[name]) for name, kept in level.mask.items())


def test_looser_levels_have_weights_of_their_own(trained):
    _, folder = trained
    family = Ticket.load(folder / 'family.pth')
    looser, target = family.at(0.3), family.at(0.6)
    own = [looser.state_dict[name][kept & ~target.mask[name]]
           for name, kept in looser.mask.items()]
    assert (torch.cat(own) != 0).float().mean() > 0.9
    statistics = [name for name in looser.state_dict if name.endswith('running_var')]
    assert any(not torch.equal(looser.state_dict[name], target.state_dict[name])
               for name in statistics)


def test_metrics_of_each_level_are_written(trained):
    _, folder = trained
    rows = json.loads((folder / 'family.json').read_text())['levels']
    assert [row['level'] for row in rows] == list(FAMILY)
    assert all(row['metrics'].keys() == {'score'} for row in rows)


def test_checkpoints_hold_no_weight_outside_the_loosest_level(trained):
    _, folder = trained
    content = torch.load(folder / 'epoch_3.pth', weights_only=False)
    for name, count in content[LEVELS]['kept_by'].items():
        kept = content['mmst_mask']['kept'][name]
        assert not content['state_dict'][name][~kept].any()
        assert not content['mmst_mask']['values'][name][count == 0].any()


@pytest.mark.parametrize('wrapper', ['mmst.MaskedOptimWrapper', 'mmst.MaskedAmpOptimWrapper'])
def test_second_pass_moves_weights_outside_the_target_and_none_outside_its_level(tmp_path, wrapper):
    seen = []

    def note(runner):
        states = list(runner.optim_wrapper.masks.values())
        if states:
            seen.append([state['value'].clone() for state in states])

    runner = levels_run(tmp_path, 2, probes=[(90, dict(after_train_iter=note))],
                        search=False, val=0, checkpoint=None, ticket=False,
                        wrapper=dict(type=wrapper),
                        prune=dict(reactivation=None, family=(0.3, 0.6)))
    runner.train()
    before, after = seen
    states = list(runner.optim_wrapper.masks.values())
    moved = torch.cat([(a != b).flatten() for a, b in zip(before, after, strict=True)])
    between = torch.cat([(s[KEPT_BY] == 1).flatten() for s in states])
    assert moved[between].float().mean() > 0.8 and not moved[~between].any()


def test_second_pass_adds_its_gradients_to_those_of_the_first(tmp_path):
    """Weights that both levels keep get the sum; those of the looser one alone its own."""
    found = {}

    def gradients(runner):
        hook = find_hook(runner, PruneHook)
        model, data = unwrap(runner), runner.train_dataloader.dataset[0]
        batch = {key: value[None] for key, value in data.items()}
        wrapper, weights = runner.optim_wrapper, hook.weights(runner)
        step, wrapper.optimizer.step = wrapper.optimizer.step, lambda *args, **kwargs: found.update(
            {name: w.grad.clone() for name, w in weights.items()})
        places = hook.levels.begin_iteration, hook.levels.end_iteration
        runner.train_loop._iter = 0
        places[0](runner)
        for name, counted in (('both', True), ('first', False)):
            if not counted:
                wrapper.level_pass = None
            found.clear()
            model.eval()  # BN and dropout are the same in both
            model.train_step(batch, wrapper)
            kept[name] = dict(found)
        places[1](runner)
        wrapper.optimizer.step = step
        kept['states'] = {name: wrapper.masks[w] for name, w in weights.items()}

    kept = {}
    runner = levels_run(tmp_path, 1, probes=[(72, dict(after_train_epoch=gradients))],
                        search=False, val=0, checkpoint=None, ticket=False,
                        prune=dict(reactivation=None, family=(0.3, 0.6)))
    runner.train()
    differ = 0
    for name, state in kept['states'].items():
        both, first = kept['both'][name], kept['first'][name]
        assert not first[state['pruned']].any() and not both[state[KEPT_BY] == 0].any()
        differ += int((both != first)[~state['pruned']].sum() > 0)
    assert differ > 3
    assert any(kept['both'][name][state[KEPT_BY] == 1].any()
               for name, state in kept['states'].items())


@pytest.mark.parametrize('epoch', [1, 3])
def test_resumed_run_writes_the_same_family(tmp_path, trained, epoch):
    _, folder = trained
    runner = levels_run(tmp_path, resume=True, load_from=str(folder / f'epoch_{epoch}.pth'))
    runner.train()
    ours, theirs = (Ticket.load(path / 'family.pth') for path in (tmp_path, folder))
    assert [name for name, value in ours.state_dict.items()
            if not torch.equal(value, theirs.state_dict[name])] == []
    assert all(torch.equal(count, theirs.family.kept_by[name])
               for name, count in ours.family.kept_by.items())


def test_two_processes_agree_on_weights_and_levels(tmp_path):
    probes = [(60, dict(after_train_epoch=rank_jobs.weaken))]
    prune = dict(PRUNE, interval=1)
    answers = ranks.run(2, rank_jobs.train, tmp_path, 3, keep=rank_jobs.levels, prune=prune,
                        probes=probes, search=dict(interval=2), optimizer=ADAM)
    (states, levels), (others, same) = answers
    assert levels == same and len(levels) > 5
    for one, other in zip(states, others, strict=True):
        assert {key: value for key, value in one['digests'].items() if 'stat' not in key[0]} == {
            key: value for key, value in other['digests'].items() if 'stat' not in key[0]}


def test_level_of_a_step_is_that_of_seed_and_step():
    drawn = [drawn_place(3, step, [0, 2, 3]) for step in range(50)]
    assert drawn == [drawn_place(3, step, [0, 2, 3]) for step in range(50)]
    assert set(drawn) == {0, 2, 3} and drawn != [drawn_place(4, i, [0, 2, 3]) for i in range(50)]


@pytest.mark.parametrize('change,key', [
    (dict(revive='zero'), 'PruneHook.revive'), (dict(criterion='random'), 'PruneHook.criterion'),
    (dict(criterion=dict(type='obc')), "^PruneHook.criterion = 'obc'"),
    (dict(scope='2:4', sparsity=0.5, family=(0.5, 0.6)), 'PruneHook.scope'),
    (dict(family=(0.3, 0.5)), 'PruneHook.family'), (dict(family_every=0), 'family_every'),
    (dict(family=None, family_every=7), 'PruneHook.family_every = 7: there is no family')])
def test_setting_that_cannot_be_is_refused(tmp_path, change, key):
    with pytest.raises(ConfigError, match=key):
        levels_run(tmp_path, prune=change)


@pytest.mark.parametrize('change, words', [
    (dict(family_every=10**6), 'family_every = 1000000: .* 2 to 7, .* never act'),
    (dict(reactivation='prune'), "family_every.*'prune'.*never act")])
def test_second_pass_that_would_never_be_is_refused(tmp_path, change, words):
    with pytest.raises(ConfigError, match=words):
        levels_run(tmp_path, prune=change).train()


@pytest.mark.parametrize('ticket', [True, False])
def test_a_run_that_would_write_no_family_warns_at_once(monkeypatch, ticket):
    said = []
    monkeypatch.setattr(level_training, 'print_log', lambda text, *_: said.append(text))
    PruneHook(**PRUNE).levels.check_plan(SimpleNamespace(cfg={}, has=lambda kind: ticket))
    assert ['no family.pth is written' in text for text in said] == [True] * (not ticket)


def test_second_pass_works_in_lower_precision_too(tmp_path):
    runner = levels_run(tmp_path, 2, search=False, val=0, checkpoint=None, ticket=True,
                        wrapper=dict(type='mmst.MaskedAmpOptimWrapper'),
                        prune=dict(reactivation=None))
    runner.train()
    states = runner.optim_wrapper.masks.values()
    assert all(state['value'].isfinite().all() for state in states)
    assert any(state['value'].any() for state in states)
    assert (tmp_path / 'family.pth').is_file()


def test_gathered_gradients_are_refused(tmp_path):
    with pytest.raises(ConfigError, match='accumulative_counts'):
        levels_run(tmp_path, wrapper=dict(accumulative_counts=2)).train()


def test_damaged_levels_of_a_checkpoint_are_refused(tmp_path, trained):
    _, folder = trained
    content = torch.load(folder / 'epoch_3.pth', weights_only=False)
    counts = content[LEVELS]['kept_by']
    name = next(iter(counts))
    counts[name] = counts[name][:-1].clone()
    torch.save(content, tmp_path / 'damaged.pth')
    with pytest.raises(TicketError, match=LEVELS):
        levels_run(tmp_path / 'work', resume=True, load_from=str(tmp_path / 'damaged.pth')).train()
