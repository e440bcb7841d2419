"""Settings that make no sense are refused in one line, before anything is trained."""
from contextlib import nullcontext

import pytest
import torch
from mmengine.hooks import EMAHook
from mmengine.model import ExponentialMovingAverage
from mmengine.registry import HOOKS as MMENGINE_HOOKS
from mmengine.registry import MODELS
from tiny import SIZE, make, timeline
from torch import nn

from mmst.engine import MaskedOptimWrapper
from mmst.engine.run.plan import RunPlan
from mmst.errors import ConfigError
from mmst.registry import HOOKS

PRUNE, SEARCH = dict(sparsity=0.9), dict(input_shape=SIZE)
BAD = [
    *[('PruneHook', 'sparsity', value) for value in (0, 0., 1, 1., -0.1, 1.5, float('nan'), '0.9',
                                                     None, True, [0.9])],
    *[('PruneHook', 'interval', value) for value in (0, -1, 2.5, '10', None, True)],
    *[('PruneHook', 'schedule', value) for value in ('linear', '', '.', None, 3, dict(kind='x'),
                                                     dict(type='nothing'), ['progressive'])],
    *[('PruneHook', 'criterion', value) for value in ('size', None, 0.5)],
    *[('PruneHook', 'scope', value) for value in ('local', None, 1)],
    *[('PruneHook', 'reactivation', value) for value in ('always', True, 0)],
    *[('PruneHook', 'revive', value) for value in ('one', None, 0.)],
    *[('SearchHook', 'interval', value) for value in (0, -5, 1.5, '10', None)],
    *[('SearchHook', 'threshold', value) for value in (0, -1e-3, 1, float('nan'), '1e-3', None)],
    *[('SearchHook', 'rho', value) for value in (-1e-4, float('inf'), float('nan'), '1e-4', None)],
    *[('SearchHook', 'warmup', value) for value in (-1, 2.5, None, '25')],
    *[('SearchHook', 'input_shape', value) for value in (512, (512, ), (0, 512), (512, 512, 3),
                                                         ('512', '1024'), (51.2, 102.4), None)],
    *[('RecalibrateHook', 'batches', value) for value in (0, -1, 1.5)],
    *[('RecalibrateHook', 'batch_size', value) for value in (0, '16')],
]
GOOD = dict(PruneHook=PRUNE, SearchHook=SEARCH, RecalibrateHook={})


@pytest.mark.parametrize('hook,key,value', BAD, ids=[f'{h}.{k}={v!r}' for h, k, v in BAD])
def test_a_value_that_makes_no_sense_is_refused_by_key_value_and_remedy(hook, key, value):
    with pytest.raises(ConfigError) as caught:
        HOOKS.get(hook)(**dict(GOOD[hook], **{key: value}))
    message = str(caught.value)
    assert f'{hook}.{key} = {value!r}' in message and 'Remedy: ' in message
    assert '\n' not in message


@pytest.mark.parametrize('hook', GOOD)
def test_the_values_of_the_paper_are_accepted(hook):
    built = MMENGINE_HOOKS.build(dict(GOOD[hook], type=f'mmst.{hook}'))
    assert type(built) is HOOKS.get(hook)


def test_choices_of_other_spellings_are_accepted():
    hook = HOOKS.get('PruneHook')
    assert hook(0.5, schedule=dict(type='one_shot')).schedule.at(1) == 0.5
    assert hook(0.5, leave_alone='backbone.stem').select['leave_alone'] == ['backbone.stem']


@MODELS.register_module(force=True)
class WithoutUnits(nn.Module):
    """A backbone that offers no search units."""

    def __init__(self, **kwargs):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1)

    def forward(self, x):
        return self.conv(x), self.conv(x)


PLAIN_WRAPPER = dict(type='OptimWrapper')
ALONE = dict(reactivation=None)
RUNS = {
    'plain wrapper, search': (dict(wrapper=PLAIN_WRAPPER, prune=False),
                              'optim_wrapper.type = .OptimWrapper'),
    'plain wrapper, prune': (dict(wrapper=PLAIN_WRAPPER, search=False, prune=ALONE),
                             'optim_wrapper.type = .OptimWrapper'),
    'search beyond the run': (dict(search=dict(interval=5)), 'SearchHook.interval = 5.*4 epochs'),
    'prune beyond the run': (dict(prune=dict(interval=5)), 'PruneHook.interval = 5.*4 epochs'),
    'warm-up beyond the run': (dict(search=dict(warmup=5)), 'SearchHook.warmup = 5.*4 epochs'),
    'IR-S without a search': (dict(search=False), 'PruneHook.reactivation = .search.*SearchHook'),
    'nothing to prune': (dict(prune=dict(parts=['head'])), 'PruneHook.parts'),
    'prune a typo': (dict(prune=dict(parts=['backbone', 'nek'])),
                     "PruneHook.parts = 'nek'(?=.*'backbone', 'neck', 'classifier')"),
    'a layer as a part': (dict(prune=dict(parts=['backbone.stem'])),
                          'PruneHook.parts = .backbone.stem'),
    'an average that comes late': (dict(ema=dict(priority='VERY_LOW')),
                                   'EMAHook.priority = .VERY_LOW'),
    'leave a typo alone': (dict(prune=dict(leave_alone=['bakbone'])), 'PruneHook.leave_alone'),
}


@pytest.mark.parametrize('case', RUNS)
def test_settings_that_contradict_the_run_are_refused_before_it_trains(tmp_path, case):
    settings, message = RUNS[case]
    runner = make(tmp_path, 4, length=4, **settings)
    with pytest.raises(ConfigError, match=f'{message}.*Remedy: .*'):
        runner.train()
    assert runner.iter == 0 and not timeline(runner)


def test_a_model_without_search_units_is_refused(tmp_path):
    runner = make(tmp_path, 2, prune=False)
    cfg = runner.cfg
    cfg.model.backbone = dict(type='WithoutUnits')
    cfg.model.neck = dict(type='WithoutUnits', out_channels=4)
    cfg.experiment_name += '_without_units'
    with pytest.raises(ConfigError, match=r'WithoutUnits.*no search units.*Remedy'):
        type(runner).from_cfg(cfg).train()


def test_intervals_of_iteration_based_runs_are_measured_in_iterations(tmp_path):
    runner = make(tmp_path, search=dict(interval=7), prune=False,
                  train_cfg=dict(by_epoch=False, max_iters=6))
    with pytest.raises(ConfigError, match=r'SearchHook.interval = 7.*6 iterations'):
        runner.train()


def test_scores_that_are_not_finite_stop_the_run(tmp_path):

    @torch.no_grad()
    def diverge(runner):
        runner.model.backbone.stem[0].conv.weight[0] = float('nan')

    runner = make(tmp_path, 1, length=4, search=False, prune=ALONE,
                  probes=[(60, dict(after_train_epoch=diverge))])
    with pytest.raises(ConfigError, match=r'not finite.*Remedy'):
        runner.train()
    assert not runner.optim_wrapper.masks


@pytest.mark.parametrize('norm, refused', [(nn.BatchNorm2d(4), True), (nn.GroupNorm(2, 4), False)])
def test_averages_need_the_statistics_only_of_networks_that_have_some(norm, refused):
    model = nn.Sequential(nn.Conv2d(3, 4, 1), norm)
    plan = RunPlan(2, 'epochs', MaskedOptimWrapper, [EMAHook()], model,
                   ExponentialMovingAverage(model, update_buffers=False))
    with pytest.raises(ConfigError, match='update_buffers') if refused else nullcontext():
        plan.check_averaged()
