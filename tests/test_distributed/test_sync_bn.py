"""``sync_bn``: converted norms shrink as plain ones do; where it cannot work it says so.

torch's layer needs a GPU, so here its arithmetic is that of a reference; its conversion by
mmengine, at each new wrapping, is the real one.
"""
import pytest
import rank_gradients
import rank_jobs
import ranks
from tiny import config, run

from mmst.engine.rehearsal import checks as preflight
from mmst.engine.run import processes
from mmst.errors import ConfigError

WEAKEN = (60, dict(after_train_epoch=rank_jobs.weaken))


def test_processes_agree_on_all_statistics_at_every_epoch_end(tmp_path):
    (first, norms), (second, _) = ranks.run(
        2, rank_gradients.synchronised, rank_jobs.train, tmp_path, 4, probes=[WEAKEN],
        keep=rank_gradients.count_norms)
    for a, b in zip(first, second, strict=True):
        assert a['digests'] == b['digests']
    assert any(e['removed'] for e in first[-1]['events'] if e['kind'] == 'search')
    assert all(total == synced > 0 for total, synced in norms)


@pytest.mark.by_turns(3)
def test_gradients_are_those_of_one_process_with_the_whole_batch(tmp_path):
    settings = dict(length=12, probes=[WEAKEN], prune=dict(sparsity=0.4))
    (ours, events), (theirs, _) = ranks.run(
        2, rank_gradients.synchronised, rank_gradients.gradients, tmp_path / 'two', 4, batch_size=3,
        **settings)
    loader = config(tmp_path, length=12, batch_size=6).train_dataloader
    whole = dict(loader, sampler=dict(type='HalvesSampler', batch_size=3))
    reference, same_events = rank_gradients.gradients(tmp_path / 'one', 4, train_dataloader=whole,
                                                 **settings)
    assert events == same_events
    assert any(e['removed'] for e in events if e['kind'] == 'search')
    rank_gradients.assert_same_gradients(ours, theirs)
    rank_gradients.assert_same_gradients(ours, reference)


@pytest.mark.parametrize('kind, problem', [
    ('torch', 'torch\'s SyncBatchNorm runs on GPUs only'),
    ('mmcv', 'only torch\'s layers can shrink')])
def test_what_cannot_work_says_so_before_anything_is_built(tmp_path, monkeypatch, kind, problem):
    monkeypatch.setattr(processes, 'is_cuda_available', lambda: False)
    with pytest.raises(ConfigError) as error:
        preflight.check(config(tmp_path, sync_bn=kind, launcher='pytorch'))
    assert str(error.value).startswith(f"sync_bn = '{kind}': {problem}. Remedy: ")


def test_one_process_ignores_it(tmp_path):
    runner = run(tmp_path, 2, sync_bn='torch')
    assert not any(synced for _, synced in rank_gradients.count_norms(runner))
