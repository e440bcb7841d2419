"""Schedules of a run that goes on with a config of another length."""
from types import SimpleNamespace

import pytest
import torch
from mmengine.optim import LinearParamScheduler

from mmst.engine.run.stretched_schedulers import keep_progress, stretch_schedulers


def schedule(end, steps=0, begin=0):
    """A scheduler that lowers a rate of 1 to 0 between two steps, after a number of steps."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], 1.)
    scheduler = LinearParamScheduler(optimizer, 'lr', start_factor=1., end_factor=0., begin=begin,
                                     end=end, by_epoch=False)
    for _ in range(steps):
        optimizer.step()
        scheduler.step()
    return scheduler


@pytest.mark.parametrize('form', [lambda found: [found], lambda found: dict(a=[found])])
def test_a_checkpoints_states_keep_their_progress_alone(form):
    short, full = schedule(4, steps=9), schedule(20)
    checkpoint = dict(param_schedulers=form(short.state_dict()))
    keep_progress(checkpoint)
    found = checkpoint['param_schedulers']
    full.load_state_dict(found[0] if isinstance(found, list) else found['a'][0])
    assert full.end == 20 and full.last_step == short.last_step


def test_a_schedule_that_had_ended_goes_on_where_a_longer_one_would_be():
    moved = schedule(4, steps=9)  # it stands still from its end on
    moved.end = 20
    assert moved.last_step < 9
    stretch_schedulers(SimpleNamespace(param_schedulers=[moved]))
    assert moved.last_step == schedule(20, steps=9).last_step


def test_a_schedule_that_has_not_begun_stays_where_it_is():
    later = schedule(20, steps=2, begin=10)
    before = later.last_step
    stretch_schedulers(SimpleNamespace(param_schedulers=dict(a=[later])))
    assert later.last_step == before


def test_a_run_without_schedules_is_left_alone():
    checkpoint = dict(param_schedulers=None)
    keep_progress(checkpoint)
    stretch_schedulers(SimpleNamespace(param_schedulers=None))
    assert checkpoint == dict(param_schedulers=None)
