"""A process that fails ends the others with an error; nothing waits forever."""
import time

import pytest
import rank_jobs
import ranks
from tiny import config

from mmst.engine.rehearsal import checks as preflight
from mmst.errors import ConfigError

FINGERPRINT = dict(custom_hooks=[dict(type='mmst.FingerprintHook')])


def test_a_rank_that_dies_ends_the_others_at_once(tmp_path):
    start = time.monotonic()
    with pytest.raises(ranks.RankError) as error:
        ranks.run(2, rank_jobs.train, tmp_path, 50,
                  rank_probes={1: [(60, dict(before_train_iter=rank_jobs.die))]})
    assert error.value.errors[1] == 'process ended with exit code 7'
    assert error.value.errors[0].startswith(('RuntimeError', 'DistBackendError'))
    assert time.monotonic() - start < ranks.PATIENCE


@pytest.mark.by_turns(5)
def test_a_rank_that_hangs_ends_the_others_after_the_timeout(tmp_path):
    ranks.close_all()
    with pytest.raises(ranks.RankError) as error:
        ranks.group(2, patience=6).run(
            rank_jobs.train, tmp_path, 50, timeout=40,
            rank_probes={1: [(60, dict(before_train_iter=rank_jobs.freeze))]})
    assert error.value.errors[0].startswith(('RuntimeError', 'DistBackendError'))
    assert 'imed out' in error.value.errors[0]
    assert error.value.errors[1] == 'no answer in time'


@pytest.mark.parametrize('job, settings, problem', [
    (rank_jobs.skip_ranks, dict(length=9),
     'train_dataloader = [2, 1]: the processes have different numbers of batches'),
    (rank_jobs.train, dict(optimizer=dict(
        type='ZeroRedundancyOptimizer', optimizer_type='AdamW', lr=0.01)),
     "optim_wrapper.optimizer.type = 'ZeroRedundancyOptimizer': it keeps each state on one"),
])
def test_what_cannot_work_is_refused_before_training(tmp_path, job, settings, problem):
    with pytest.raises(ranks.RankError) as error:
        ranks.run(2, job, tmp_path, 2, **FINGERPRINT, **settings)
    assert set(error.value.errors) == {0, 1}
    for text in error.value.errors.values():
        assert text.startswith(f'ConfigError: {problem}') and 'Remedy: ' in text


@pytest.mark.parametrize('settings, problem', [
    (dict(runner_type='FlexibleRunner'), "runner_type = 'FlexibleRunner': it cannot wrap a model"),
    (dict(model_wrapper_cfg=dict(type='MMFullyShardedDataParallel')),
     "model_wrapper_cfg.type = 'MMFullyShardedDataParallel': the shapes of its parameters cannot"),
    (dict(model_wrapper_cfg=dict(type='MMSeparateDistributedDataParallel')),
     "model_wrapper_cfg.type = 'MMSeparateDistributedDataParallel': the shapes of its parameters"),
])
def test_what_cannot_wrap_again_is_refused_before_anything_is_built(tmp_path, settings, problem):
    with pytest.raises(ConfigError) as error:
        preflight.check(config(tmp_path, launcher='pytorch', **settings))
    assert str(error.value).startswith(problem) and 'Remedy: ' in str(error.value)
