"""Bytes that runs on many GPUs send and store: the formulas, and the page of the command."""
import argparse
import os

import pytest
import scale
import torch
from kills import settings
from mmengine.runner import Runner
from tiny import run, timeline

from mmst.engine.run.runner_views import models
from mmst.openmmlab.safe_checkpoints import safe_load


def test_a_ring_of_n_sends_each_value_twice_but_for_one_share():
    assert scale.ring(1000, 1) == 0
    assert scale.ring(1000, 2) == 4000
    assert scale.ring(1000, 64) == pytest.approx(8000 * 63 / 64)


def test_each_gpu_takes_its_share_of_an_epoch_in_whole_batches():
    run = dict(images=2975, batch=4, epochs=430)
    assert scale.steps(run, 8) == 430 * 93  # as the paper's schedule counts
    assert scale.steps(run, 64) == 430 * 12


def test_network_and_average_are_recalibrated_as_often_as_a_run_does(tmp_path):
    epochs, search, prune, evaluate = 7, 2, 3, 5
    runner = run(tmp_path, epochs, length=2, search=dict(interval=search),
                 prune=dict(interval=prune), val=evaluate, recalibrate=dict(batches=1))
    happened = [step for kind, step in timeline(runner) if kind == 'recalibrate']
    assert happened == [2, 3, 4, 5, 6, 7]
    assert scale.recalibrations(search, prune, evaluate, epochs) == len(happened)
    assert len(models(runner)) == scale.MODELS_HELD


def test_the_computed_checkpoint_is_as_large_as_a_runs(tmp_path):
    """But for histories and random states, which do not grow with the network."""
    cfg = settings(2, workers=0)
    cfg.work_dir = str(tmp_path)
    runner = Runner.from_cfg(cfg)
    runner.train()
    written = max(tmp_path.glob('epoch_*.pth'), key=os.path.getmtime)
    content = safe_load(str(written))
    parts = {key: content[key] for key in ('state_dict', 'ema_state_dict', 'optimizer')}
    torch.save(parts, tmp_path / 'parts.pth')
    found = scale.checkpoint_bytes(runner.model, runner.cfg)
    assert found == pytest.approx((tmp_path / 'parts.pth').stat().st_size, rel=0.25)


@pytest.fixture(scope='module')
def runs():
    return {name: scale.count(name) for name in scale.IMAGES}


def arguments(**changes):
    return argparse.Namespace(**dict(dict(gpus=[8, 64], reference_ms=84., step_ms=None,
                                          bandwidth=25.), **changes))


def test_steps_take_as_long_as_their_multiply_adds_say_and_evaluation_counts(runs):
    took = scale.times(runs, arguments())
    work = {name: run['batch'] * run['macs'] for name, run in runs.items()}
    for name in runs:
        assert took[name]['step'] / took['cityscapes']['step'] == pytest.approx(
            work[name] / work['cityscapes'])
        assert took[name]['evaluation'] > 0
    assert took['cityscapes']['step'] == pytest.approx(8 * 84, rel=0.05)
    more = {name: dict(run, evaluation=100 * run['evaluation']) for name, run in runs.items()}
    assert scale._hours(more, arguments()) != scale._hours(runs, arguments())
    assert {t['step'] for t in scale.times(runs, arguments(step_ms=9.)).values()} == {9.}


def test_the_page_is_what_the_command_writes(runs):
    assert scale.page(runs, arguments()) == scale.PAGE.read_text()
