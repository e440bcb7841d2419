"""Step decay with steps of a fraction of an epoch, counted in iterations."""
import pytest
import torch
from mmengine.registry import PARAM_SCHEDULERS as MMENGINE_PARAM_SCHEDULERS
from torch import nn

from mmst.engine import StaircaseLR
from mmst.errors import ConfigError
from mmst.registry import PARAM_SCHEDULERS


def make_optimizer():
    return torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=0.016)


def build(optimizer, epoch_length, **changes):
    cfg = dict(type='mmst.StaircaseLR', step_size=2.4, gamma=0.97, by_epoch=True,
               convert_to_iter_based=True)
    return MMENGINE_PARAM_SCHEDULERS.build(
        dict(cfg, **changes), default_args=dict(optimizer=optimizer, epoch_length=epoch_length))


def rates(scheduler, steps):
    """Learning rate of each iteration from the first on."""
    found = []
    for _ in range(steps):
        found.append(scheduler.optimizer.param_groups[0]['lr'])
        scheduler.optimizer.step()
        scheduler.step()
    return found


def test_known_by_name():
    assert PARAM_SCHEDULERS.get('StaircaseLR') is StaircaseLR


def test_rates_of_imagenet_at_chosen_iterations():
    """1 281 167 images in batches of 256: 5005 iterations an epoch, a step every 12 012."""
    found = rates(build(make_optimizer(), 5005), 36_040)
    for iteration, decays in ((0, 0), (12_011, 0), (12_012, 1), (24_023, 1), (24_024, 2),
                              (36_035, 2), (36_036, 3)):
        assert found[iteration] == pytest.approx(0.016 * 0.97**decays, rel=1e-12), iteration


def test_steps_that_are_no_whole_iterations_do_not_drift():
    """2.4 epochs of 7 iterations are 16.8: steps at 17, 34, 51, 68, 84, 101."""
    found = rates(build(make_optimizer(), 7), 7 * 60)
    for i, rate in enumerate(found):
        assert rate == pytest.approx(0.016 * 0.97**(10 * i // 168), rel=1e-9), i


@pytest.mark.parametrize('epoch_length', [5, 10, 30, 1000, 5005])
def test_twelve_epochs_have_five_steps_to_the_iteration(epoch_length):
    found = rates(build(make_optimizer(), epoch_length), 12 * epoch_length + 1)
    assert found[-1] == pytest.approx(0.016 * 0.97**5, rel=1e-12)
    assert found[-2] == pytest.approx(0.016 * 0.97**4, rel=1e-12)


def test_by_epoch_it_acts_at_whole_epochs():
    found = rates(build(make_optimizer(), 10, convert_to_iter_based=False), 13)
    assert [i for i in range(1, 13) if found[i] != found[i - 1]] == [3, 5, 8, 10, 12]


def test_resumed_run_goes_on():
    expected = rates(build(make_optimizer(), 7), 60)
    optimizer = make_optimizer()
    first = build(optimizer, 7)
    found = rates(first, 25)
    second_optimizer = make_optimizer()
    second = build(second_optimizer, 7)
    second.load_state_dict(first.state_dict())
    second_optimizer.load_state_dict(optimizer.state_dict())
    assert found + rates(second, 35) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize('value', [0, -2.4])
def test_impossible_step_is_refused(value):
    with pytest.raises(ConfigError, match='step_size'):
        build(make_optimizer(), 5, step_size=value)
