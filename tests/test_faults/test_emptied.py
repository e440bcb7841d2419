"""Searches that leave nothing: training, pruning, evaluation and resuming go on."""
import logging

import kills
import pytest
import torch
from mmengine.runner import Runner
from tiny import SIZE, Probe, averaged_model, events, prunes, unwrap

from mmst.search.units import find_units
from mmst.tickets import Ticket


def train(weak, epochs=4, resume=False, **changes):
    """A run in which γ of the groups that ``weak`` picks lies below ε before the second search."""
    cfg = kills.settings(epochs, workers=0, model=dict(transformer='all'), **changes)
    cfg.resume = resume
    runner = Runner.from_cfg(cfg)
    warned = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: warned.append(record.getMessage())
    runner.logger.addHandler(handler)

    @torch.no_grad()
    def weaken(runner):
        for model in (unwrap(runner), averaged_model(runner).module):
            for name, group in find_units(model).items():
                if weak(name):
                    group.gamma.mul_(1e-9)

    runner.register_hook(Probe(after_train_epoch=weaken), 60)
    runner.train()
    return runner, warned


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_an_emptied_branch_keeps_working_and_is_reported():
    names = find_units(unwrap(Runner.from_cfg(kills.settings(workers=0)))).keys()
    emptied = [name for name in names if 'neck' not in name][-2:]
    runner, warned = train(lambda name: name in emptied)
    assert runner.epoch == 4 and prunes(runner)[-1]['sparsity'] >= 0.3
    assert not set(emptied) & set(find_units(unwrap(runner)))
    assert any('nothing is left of' in text and emptied[0] in text for text in warned)
    out = Ticket.load(f'{kills.WORK}/ticket.pth').build()(torch.randn(1, 3, *SIZE))
    assert out.isfinite().all() and out.std() > 0


def test_with_all_importance_factors_below_the_threshold_the_residual_paths_remain():
    runner, warned = train(lambda name: True)
    assert runner.epoch == 4 and not find_units(unwrap(runner))
    assert any('more: their residual' in text for text in warned)
    search = [e for e in events(runner) if e['kind'] == 'search']
    assert search[0]['removed'] and not search[1]['removed']
    assert runner.optim_wrapper.penalty.value() == 0
    out = Ticket.load(f'{kills.WORK}/ticket.pth').build()(torch.randn(1, 3, *SIZE))
    assert out.isfinite().all()


def test_an_emptied_network_resumes():
    train(lambda name: True, epochs=3, param_scheduler=None)
    runner, _ = train(lambda name: True, epochs=4, param_scheduler=None, resume=True)
    assert runner.epoch == 4 and not find_units(unwrap(runner))
