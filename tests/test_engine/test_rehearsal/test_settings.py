"""Schedules are stepped to the end of the run, however long it is."""
import pytest
import torch
from mmengine.optim import LinearLR, OneCycleLR

from mmst.engine.rehearsal import settings
from mmst.errors import ConfigError
from mmst.openmmlab.internals import steps_of


@pytest.fixture
def optimizer():
    return torch.optim.SGD([torch.nn.Parameter(torch.ones(2))], 0.1)


@pytest.fixture(autouse=True)
def short_trial(monkeypatch):
    """A rehearsal has time for the first ten steps, and for the last five."""
    monkeypatch.setattr(settings, 'MOST', 10)
    monkeypatch.setattr(settings, 'LAST', 5)


@pytest.mark.parametrize('length', [8, 12, 15, 50])
def test_end_of_a_schedule_is_tried_where_its_middle_takes_too_long(optimizer, length):
    schedule = OneCycleLR(optimizer, eta_max=0.1, total_steps=length)
    settings.step_through('param_scheduler[0]', schedule, length - 1)
    assert steps_of(schedule) == length - 1
    with pytest.raises(ValueError, match='total'):
        settings.step_through('param_scheduler[0]', OneCycleLR(
            optimizer, eta_max=0.1, total_steps=length - 2), length)


def test_rates_are_left_at_their_highest(optimizer):
    schedule = OneCycleLR(optimizer, eta_max=0.5, total_steps=9)
    settings.step_through('param_scheduler[0]', schedule, 8)
    assert 0.3 < optimizer.param_groups[0]['lr'] <= 0.5  # not the last, which is near 0


def test_rate_below_zero_is_refused(optimizer):
    schedule = LinearLR(optimizer, start_factor=1, end_factor=0.1, end=4, by_epoch=False)
    optimizer.param_groups[0]['lr'] = -0.2
    with pytest.raises(ConfigError, match=r'^param_scheduler\[0\]: lr in step 1 = -'):
        settings.step_through('param_scheduler[0]', schedule, 8)
