"""The one-cycle schedule with its cycle of beta1 against torch's own."""
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from mmengine.registry import PARAM_SCHEDULERS as MMENGINE_PARAM_SCHEDULERS
from tiny import Probe, make
from torch import nn

from mmst.engine import OneCycleBetaLR
from mmst.errors import ConfigError
from mmst.registry import PARAM_SCHEDULERS

CONFIGS = Path(__file__).parents[3] / 'configs'
#: 2975 images in batches of 32.
ITERATIONS = 93
CYCLE = dict(type='mmst.OneCycleBetaLR', eta_max=0.04, pct_start=0.3, div_factor=25, by_epoch=True,
             convert_to_iter_based=True)


def adamw():
    return torch.optim.AdamW([nn.Parameter(torch.ones(1))], lr=0.04, eps=1e-3)


def build(optimizer, epoch_length, **settings):
    """As the runner does it, which adds the run's end."""
    cfg = dict(settings, end=settings['total_steps'])
    return MMENGINE_PARAM_SCHEDULERS.build(
        cfg, default_args=dict(optimizer=OptimWrapper(optimizer), epoch_length=epoch_length))


def follow(optimizer, scheduler, steps, points=None):
    """Rate and momentum of the iterations ``points``, by default of all."""
    found = {}
    for step in range(steps):
        if points is None or step in points:
            group = optimizer.param_groups[0]
            found[step] = (group['lr'], group['betas'][0] if 'betas' in group
                           else group['momentum'])
        scheduler.optimizer.step()
        if step < steps - 1:  # torch's refuses to go beyond its end
            scheduler.step()
    return found


def torchs(optimizer, steps, points=None, **settings):
    return follow(optimizer, torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=0.04, total_steps=steps, **settings), steps, points)


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for step, values in expected.items():
        assert found[step] == pytest.approx(values, rel=1e-12), step


def test_known_by_name():
    assert PARAM_SCHEDULERS.get('OneCycleBetaLR') is OneCycleBetaLR


@pytest.mark.by_turns(4)
@pytest.mark.parametrize('task, epochs', [('cityscapes', 430), ('ade20k', 200)])
def test_rate_and_beta1_of_a_whole_run_are_torchs(task, epochs):
    """Of 430 x 93 steps: both ends, a step next to each, both halves, the turn and after it."""
    steps = epochs * ITERATIONS
    turn = round(0.3 * steps) - 1
    points = {0, 1, turn // 2, turn, turn + 1, (turn + steps) // 2, steps - 2, steps - 1}
    assert len(points) == 8
    scheduler, = Config.fromfile(CONFIGS / f'st_hrnas_{task}_p90.py').param_scheduler
    optimizer, reference = adamw(), adamw()
    found = follow(optimizer, build(optimizer, ITERATIONS, **scheduler), steps, points)
    assert_same(found, torchs(reference, steps, points))
    beta1 = {step: values[1] for step, values in found.items()}
    assert beta1[0] == pytest.approx(0.95) and beta1[steps - 1] == pytest.approx(0.95)
    assert beta1[turn] == pytest.approx(0.85)
    assert optimizer.param_groups[0]['betas'][1] == 0.999


@pytest.mark.parametrize('steps', [1, 7, 24, 100])
@pytest.mark.parametrize('settings', [
    {}, dict(pct_start=0.55), dict(three_phase=True), dict(anneal_strategy='linear')])
def test_every_step_of_short_runs_is_torchs(steps, settings):
    if steps == 1 and 'three_phase' in settings:
        pytest.skip('three phases need more steps')
    optimizer = adamw()
    found = follow(optimizer, build(optimizer, 1, total_steps=steps, **{
        **CYCLE,
        **settings
    }), steps)
    assert_same(found, torchs(adamw(), steps, **settings))


def test_momentum_of_sgd_is_cycled():
    def sgd():
        return torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=0.04, momentum=0.9)

    optimizer = sgd()
    found = follow(optimizer, build(optimizer, 1, total_steps=20, **CYCLE), 20)
    assert_same(found, torchs(sgd(), 20))


def test_bounds_of_the_momentum_can_be_chosen():
    optimizer = adamw()
    own = dict(base_momentum=0.7, max_momentum=0.9)
    found = follow(optimizer, build(optimizer, 1, total_steps=20, **CYCLE, **own), 20)
    assert_same(found, torchs(adamw(), 20, **own))


@pytest.mark.parametrize('bounds', [dict(base_momentum=0.99), dict(max_momentum=1.),
                                    dict(base_momentum=-0.1)])
def test_bounds_that_make_no_sense_are_refused(bounds):
    with pytest.raises(ConfigError, match=r'^param_scheduler\.(base|max)_momentum = .*Remedy'):
        build(adamw(), 1, total_steps=20, **CYCLE, **bounds)


def test_an_optimizer_without_momentum_is_refused():
    optimizer = torch.optim.Adagrad([nn.Parameter(torch.ones(1))])
    with pytest.raises(ConfigError, match=r'neither betas nor momentum.*Remedy'):
        build(optimizer, 1, total_steps=20, **CYCLE)


def test_a_resumed_run_has_the_beta1_of_an_uninterrupted_one(tmp_path):
    def train(folder, **more):
        runner = make(folder, 3, checkpoint=dict(interval=1), search=False,
                      prune=dict(reactivation=None),
                      optimizer=dict(type='AdamW', lr=0.01),
                      param_scheduler=[dict(CYCLE, eta_max=0.01, total_steps=3)], **more)
        seen = []
        runner.register_hook(Probe(before_train_iter=lambda runner: seen.append(
            runner.optim_wrapper.param_groups[0]['betas'])))
        runner.train()
        return seen, runner.model.state_dict()

    whole, weights = train(tmp_path / 'whole')
    resumed, again = train(tmp_path / 'resumed', resume=True,
                           load_from=str(tmp_path / 'whole' / 'epoch_1.pth'))
    assert len(whole) == 6 and len(set(whole)) > 4
    assert resumed == whole[2:]
    assert all(torch.equal(again[name], weights[name]) for name in weights)
