"""Several processes train as one that averages the same batches."""
import pytest
import rank_gradients
import rank_jobs
import ranks
from tiny import config

WEAKEN = (60, dict(after_train_epoch=rank_jobs.weaken))
SETTINGS = dict(length=12, batch_size=3, probes=[WEAKEN], search=dict(rho=0.01),
                prune=dict(sparsity=0.4))


KERNEL = dict(type='mmst.FastTrainingHook', keep_memory=False)


@pytest.mark.by_turns(5)
@pytest.mark.parametrize('optimizer, hooks', [
    (dict(type='SGD', lr=0.05, momentum=0.9), []), (dict(type='AdamW', lr=0.01), []),
    (dict(type='AdamW', lr=0.01), [KERNEL])], ids=['SGD', 'AdamW', 'kernel'])
def test_gradients_are_those_of_one_process_that_averages_the_half_batches(
        tmp_path, optimizer, hooks):
    """At every step of a run that searches, prunes and reactivates; penalty and masks included."""
    (ours, events), (theirs, _) = ranks.run(2, rank_gradients.gradients, tmp_path / 'two', 5,
                                            optimizer=optimizer, custom_hooks=hooks, **SETTINGS)
    rank_gradients.assert_same_gradients(ours, theirs)
    loader = config(tmp_path, length=12, batch_size=3).train_dataloader
    halves = dict(loader, sampler=dict(type='HalvesSampler', batch_size=3))
    reference, same_events = rank_gradients.gradients(
        tmp_path / 'one', 5, optimizer=optimizer, wrapper=dict(accumulative_counts=2),
        train_dataloader=halves, **SETTINGS)
    assert events == same_events
    assert any(e['removed'] for e in events if e['kind'] == 'search')
    assert len(ours) == 10
    rank_gradients.assert_same_gradients(ours, reference)


@pytest.mark.parametrize('settings, wrapper', [
    (dict(gradient_as_bucket_view=True), dict(accumulative_counts=3)),
    pytest.param(dict(gradient_as_bucket_view=True, static_graph=True), {},
                 marks=pytest.mark.slow)], ids=['views', 'static'])
def test_gradients_that_are_views_of_buckets_are_masked_and_cut_alike(tmp_path, settings, wrapper):
    """Searches come between two steps of gradients that are gathered, too."""
    found = [ranks.run(2, rank_gradients.gradients, tmp_path / name, 4, wrapper=wrapper,
                       model_wrapper_cfg=dict(rank_jobs.ON_CPU, **own), **SETTINGS)
             for name, own in (('plain', {}), ('views', settings))]
    (reference, events), (ours, same_events) = (both[0] for both in found)
    assert events == same_events and any(e['removed'] for e in events if e['kind'] == 'search')
    rank_gradients.assert_same_gradients(ours, reference)
