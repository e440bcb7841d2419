"""Metrics that settings name, and those that other hooks write."""
import json

import pytest
import torch
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.registry import METRICS
from tiny import events, make, run

from mmst.errors import ConfigError

#: At the target from the third of four epochs on.
RUN = dict(epochs=4, length=4, val=1, search=False, ticket=True,
           prune=dict(sparsity=0.3, reactivation=None))


@METRICS.register_module(force=True)
class TwoMetrics(BaseMetric):
    """Falls from evaluation to evaluation."""
    default_prefix = 'seg'

    def __init__(self):
        super().__init__()
        self.count = 0

    def process(self, data_batch, data_samples):
        self.results.append(None)

    def compute_metrics(self, results):
        self.count += 1
        return dict(mIoU=1 / self.count, aAcc=0.5)


def settings(**more):
    return {**RUN, 'val_evaluator': dict(type='TwoMetrics'), **more}


FIVE = dict(epochs=5)


def stopping(monitor):
    return dict(custom_hooks=[dict(type='EarlyStoppingHook', monitor=monitor, strict=False,
                                   rule='greater', patience=9)])


def plateau(monitor, **more):
    return dict(param_scheduler=[dict(type='ReduceOnPlateauLR', monitor=monitor, rule='greater',
                                      factor=0.5, **dict(dict(patience=0), **more))])


MISSPELT = {
    'default_hooks.checkpoint.save_best = \'seg/mIOU\'': dict(
        checkpoint=dict(interval=100, save_best='seg/mIOU', rule='greater')),
    'default_hooks.checkpoint.save_best = \'seg/miou\'': dict(
        checkpoint=dict(interval=100, save_best=['seg/aAcc', 'seg/miou'], rule='greater')),
    'custom_hooks[0].monitor = \'mIoU\'': stopping('mIoU'),
    'param_scheduler.monitor = \'seg/mIou\'': plateau('seg/mIou')}


@pytest.mark.parametrize('key', MISSPELT)
def test_a_misspelt_metric_is_found_at_the_first_evaluation(tmp_path, key):
    """Which is an interim one."""
    runner = make(tmp_path, **settings(**MISSPELT[key]))
    with pytest.raises(ConfigError) as error:
        runner.train()
    message = str(error.value)
    assert message.startswith(f'{key}: ') and '\n' not in message
    assert 'did you mean \'seg/mIoU\'?' in message and '\'seg/aAcc\'' in message
    assert runner.epoch == 1


def test_a_name_that_is_like_none_is_answered_with_what_there_is(tmp_path):
    with pytest.raises(ConfigError, match=r'Remedy: use one of \'seg/mIoU\', \'seg/aAcc\'\.$'):
        run(tmp_path, **settings(**plateau('loss')))


@pytest.mark.parametrize('more', [
    dict(checkpoint=dict(interval=100, save_best='auto', rule='greater')), stopping('seg/aAcc'),
    dict(checkpoint=dict(interval=100, save_best=['seg/mIoU', 'seg/aAcc'], rule='greater'))],
    ids=['auto', 'stopping', 'several'])
def test_names_that_are_right_pass(tmp_path, more):
    assert run(tmp_path, **settings(**more)).epoch == 4


def test_mmengine_s_own_checkpoint_hook_passes_over_interim_evaluations_too(tmp_path):
    best = dict(type='CheckpointHook', interval=100, save_best='seg/mIoU', rule='greater')
    runner = make(tmp_path, **settings())
    runner.cfg.default_hooks.checkpoint = best
    runner = make(tmp_path, **settings(default_hooks=runner.cfg.default_hooks))
    runner.train()
    assert [path.name for path in tmp_path.glob('best_*')] == ['best_seg_mIoU_epoch_3.pth']


def test_a_rate_falls_by_evaluations_that_count_only(tmp_path):
    """The metric falls at each; three count, of which the first is the best. At the last epoch's
    end mmengine's schedule is over."""
    rates = []
    runner = run(tmp_path, **settings(**plateau('seg/mIoU'), **FIVE), probes=[
        (99, dict(after_val_epoch=lambda r: rates.append(r.optim_wrapper.get_lr()['lr'][0])))])
    assert rates == pytest.approx([0.05, 0.05, 0.05, 0.025, 0.025])
    scheduler, = runner.param_schedulers
    assert scheduler.best == pytest.approx(1 / 3) and scheduler.need_val_args


def test_a_rate_falls_alike_in_a_resumed_run(tmp_path):
    """Also from a checkpoint that was written inside an interim evaluation."""
    cfg = settings(**plateau('seg/aAcc'), checkpoint=dict(interval=1), **FIVE)
    whole = run(tmp_path, **cfg, probes=[(95, dict(after_val_epoch=lambda r: r.save_checkpoint(
        r.work_dir, f'inside_{r.epoch}.pth', by_epoch=False)))])
    for name in ('epoch_1.pth', 'epoch_3.pth', 'inside_2.pth'):
        state, = torch.load(tmp_path / name, weights_only=True)['param_schedulers']
        assert 'need_val_args' not in state
        again = make(tmp_path / f'from_{name}', resume=True, load_from=str(tmp_path / name),
                     **dict(cfg, custom_hooks=[dict(type='mmst.ResumeHook')]))
        again.train()
        # A resumed run has an evaluator of its own; aAcc is the same at all.
        assert again.optim_wrapper.get_lr() == whole.optim_wrapper.get_lr()


# ----------------------------------------------------------------- what other hooks write


class Writer(Hook):
    """Writes a number of its own at each evaluation, before metrics are renamed."""
    priority = 'HIGHEST'

    def after_val_epoch(self, runner, metrics=None):
        runner.message_hub.update_scalar('val/mIoU_origin', 7.)


def logged(folder):
    lines = next(folder.glob('*/vis_data/scalars.json')).read_text().splitlines()
    return {line['step']: line for line in map(json.loads, lines) if 'data_time' in line
            and 'lr' not in line}


def test_what_other_hooks_write_is_logged_and_stale_names_are_not(tmp_path):
    runner = make(tmp_path, **settings())
    runner.register_hook(Writer())
    runner.train()
    found = logged(tmp_path)
    assert set(found) == {1, 2, 3, 4}
    for step, line in found.items():
        assert line['mIoU_origin'] == 7.
        assert ('seg/mIoU' in line) == (step > 2) and ('interim/seg/mIoU' in line) == (step < 3)


def test_a_resumed_run_forgets_names_of_before(tmp_path):
    run(tmp_path, checkpoint=dict(interval=1), **settings())
    again = make(tmp_path / 'again', resume=True, load_from=str(tmp_path / 'epoch_3.pth'),
                 **settings())
    again.train()
    assert 'interim/seg/mIoU' not in logged(tmp_path / 'again')[4]


def test_metrics_of_the_network_in_training_are_logged(tmp_path):
    """mmpretrain's hook evaluates it next to the averaged one if asked to."""
    runner = run(tmp_path, **settings(ema=dict(type='mmpretrain.EMAHook', evaluate_on_origin=True)))
    assert all('seg/mIoU_origin' in line for line in logged(tmp_path).values())
    assert [e for e in events(runner) if e['kind'] == 'evaluate']
