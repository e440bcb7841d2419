"""When BN statistics are renewed in a run, from what, and what else stays as it was."""
import copy
import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tiny import WEAKEN, TinyImages, averaged_model, make, run, timeline, unwrap
from torch.utils.data import BatchSampler, DataLoader, Dataset, RandomSampler, get_worker_info

from mmst.engine import seed_worker
from mmst.engine.hooks.recalibrate_hook import isolated_random_state
from mmst.engine.run.batches import training_batches
from mmst.search.recalibrate import batch_norms

ALL = dict(transformer='all')


def test_after_each_search_and_prune_and_before_each_evaluation_from_then_on(tmp_path):
    runner = run(tmp_path, 8, length=4, val=3, search=dict(interval=4), ema=False,
                 prune=dict(interval=5, reactivation=None, schedule='one_shot'))
    # Validation at 3 (nothing has changed), 6 and at the end.
    assert timeline(runner) == [
        ('search', 4), ('recalibrate', 4), ('prune', 5), ('recalibrate', 5), ('recalibrate', 6),
        ('search', 8), ('recalibrate', 8)]


def test_without_a_search_too_before_each_evaluation_of_the_pruned(tmp_path):
    """Search and pruning one after the other need it as well."""
    runner = run(tmp_path, 4, length=4, val=1, search=False, ema=False,
                 prune=dict(interval=2, reactivation=None, schedule='one_shot'))
    assert timeline(runner, 'recalibrate') == [('recalibrate', step) for step in (2, 3, 4)]


@pytest.mark.parametrize('loop', [dict(val_interval=4, dynamic_intervals=[(5, 1)]),
                                  dict(val_interval=2, val_begin=5)])
def test_no_evaluation_of_anything_pruned_goes_without(tmp_path, loop):
    """Whatever decides when the loop validates."""
    runner = run(tmp_path, 7, length=4, val=1, search=False, ema=False, ticket=True,
                 prune=dict(interval=3, reactivation=None),
                 train_cfg=dict(by_epoch=True, max_epochs=7, **loop))
    evaluated = {step for _, step in timeline(runner, 'evaluate') if step >= 3}
    assert len(evaluated) in (2, 4)
    assert evaluated <= {step for _, step in timeline(runner, 'recalibrate')}


def statistics(model):
    return [(bn.running_mean.clone(), bn.running_var.clone()) for bn in batch_norms(model)]


@torch.no_grad()
def statistics_of_all_images(model):
    """By a plain pass in which each BN takes the batch's statistics as its own."""
    model = copy.deepcopy(model).eval()
    for bn in batch_norms(model):
        bn.train()
        bn.momentum = 1.
    model(TinyImages(8).images)
    return statistics(model)


@pytest.mark.parametrize('ema', [True, False])
def test_the_evaluated_network_has_the_statistics_of_its_own_weights(tmp_path, ema):
    """One batch of all images, so that the order does not matter."""
    found = []

    def compare(runner):
        models = [unwrap(runner)] + ([averaged_model(runner).module] if ema else [])
        for model in models:
            found.append([
                torch.allclose(a, b, rtol=1e-4, atol=1e-5)
                for pair in zip(statistics(model), statistics_of_all_images(model), strict=True)
                for a, b in zip(*pair, strict=True)
            ])

    def at(runner, epoch=2):
        if runner.epoch == epoch:
            compare(runner)

    run(tmp_path, 2, val=2, model=ALL, ema=ema, search=dict(interval=2),
        probes=[WEAKEN, ('LOWEST', dict(before_val_epoch=at))],
        recalibrate=dict(batches=1, batch_size=8))
    assert len(found) == 1 + ema and all(all(matches) for matches in found)


def test_random_states_modes_momentum_and_batch_counts_stay(tmp_path):
    found = []

    def state(runner):
        norms = [m for m in unwrap(runner).modules() if hasattr(m, 'running_mean')]
        found.append((random.getstate(), np.random.get_state()[1].tolist(),
                      torch.get_rng_state().tolist(),
                      [m.training for m in unwrap(runner).modules()],
                      [(bn.momentum, int(bn.num_batches_tracked)) for bn in norms],
                      [p.detach().clone() for p in unwrap(runner).parameters()]))

    run(tmp_path, 1, noise=0.5, search=dict(interval=1), model=ALL,
        probes=[(71, dict(after_train_epoch=state)), (73, dict(after_train_epoch=state))])
    before, after = found
    assert before[:5] == after[:5]
    assert all(torch.equal(p, q) for p, q in zip(before[5], after[5], strict=True))
    assert all(momentum == 0.1 and count == 2 for momentum, count in after[4])


def test_isolation_holds_through_an_error_and_seeds_the_block():
    draws = []
    for _ in range(2):
        before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()
        with pytest.raises(KeyError), isolated_random_state(2**32 + 7):
            draws.append((random.random(), np.random.rand(), torch.rand(1).item()))
            raise KeyError
        assert random.getstate() == before[0]
        assert np.random.get_state()[1].tolist() == before[1]
        assert torch.equal(torch.get_rng_state(), before[2])
        random.random(), np.random.rand(), torch.rand(1)
    assert draws[0] == draws[1]


def test_it_does_not_disturb_the_order_of_the_training_data(tmp_path):
    """Losses of runs with and without recalibration agree until it acts on what they see."""
    losses = []
    for batches in (1, 2):
        found = []

        def act(runner):
            found.append(float(runner.message_hub.get_scalar('train/loss').current()))  # noqa: B023

        run(tmp_path / str(batches), 3, noise=0.5, ema=False, search=False,
            prune=dict(reactivation=None), recalibrate=dict(batches=batches),
            probes=[('LOWEST', dict(after_train_iter=act))])
        losses.append(found)
    assert losses[0] == losses[1] and len(losses[0]) == 6


def test_batches_have_the_size_of_training_unless_it_is_set(tmp_path):
    for size, expected in ((None, 4), (3, 3)):
        seen = sizes_and_precisions(tmp_path / str(size), recalibrate=dict(
            batches=2, batch_size=size))
        assert {batch for batch, _ in seen} == {expected} and len(seen) == 2


def test_batches_of_a_batch_sampler_have_its_size(tmp_path):
    """As in mmdet's configs, whose loaders group images by their form."""
    runner = make(tmp_path, 1, length=8)
    first = runner.build_dataloader(runner.cfg.train_dataloader)
    data = first.dataset
    runner._train_dataloader = DataLoader(data, batch_sampler=BatchSampler(
        RandomSampler(data), 3, drop_last=True), collate_fn=first.collate_fn)
    runner.build_train_loop(runner.cfg.train_cfg)
    found = [len(batch['inputs']) for batch in training_batches(runner, 99, seed=0)]
    assert set(found) == {3} and len(found) == len(data) // 3
    assert [len(batch['inputs']) for batch in training_batches(runner, 2, 0, 2)] == [2, 2]
    few = [len(batch['inputs']) for batch in training_batches(runner, 1, 0, len(data) + 1)]
    assert few == [len(data)], 'a whole batch cannot be had'


@pytest.mark.parametrize('wrapper, expected', [
    (None, None), (dict(type='mmst.MaskedAmpOptimWrapper'), torch.bfloat16)])
def test_batches_pass_in_the_precision_of_training(tmp_path, wrapper, expected):
    seen = sizes_and_precisions(tmp_path, wrapper=wrapper)
    assert {precision for _, precision in seen} == {expected}


def sizes_and_precisions(folder, **settings):
    """Of each recalibration's batch: its images, and the type that autocast would give."""
    seen = []

    def watch(runner):
        def look(_, args, kwargs):
            if kwargs.get('mode') == 'tensor':
                on = torch.is_autocast_enabled('cpu')
                precision = torch.get_autocast_dtype('cpu') if on else None
                seen.append((len(kwargs['inputs']), precision))

        unwrap(runner).register_forward_pre_hook(look, with_kwargs=True)

    run(folder, 1, ema=False, search=False, prune=dict(interval=1, reactivation=None),
        probes=[(1, dict(before_train=watch))], **settings)
    return seen


def test_batches_are_loaded_by_the_workers_of_training():
    """A worker's images say so by their value."""
    for workers in (0, 2):
        loader = DataLoader(FromWorkers(), 2, num_workers=workers, worker_init_fn=seed_worker)
        stand_in = SimpleNamespace(train_dataloader=loader)
        found = [int(v) for batch in training_batches(stand_in, 3, 0) for v in batch]
        assert len(found) == 6 and set(found) == ({-1} if not workers else {0, 1})


class FromWorkers(Dataset):
    """Twelve items, each the number of the worker that loads it; -1 without workers."""

    def __len__(self):
        return 12

    def __getitem__(self, index):
        info = get_worker_info()
        return -1 if info is None else info.id
