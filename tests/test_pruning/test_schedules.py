"""Sparsity schedules and the magnitude criterion."""
import pytest
import tiny
import torch

from mmst.errors import ConfigError
from mmst.pruning.criteria import Magnitude
from mmst.pruning.schedules import Alternating, Cubic, OneShot, Progressive
from mmst.registry import CRITERIA, SCHEDULES


@pytest.mark.parametrize('p', [0.05, 0.3, 0.5, 0.9, 0.95, 0.98])
def test_progressive_pruning_is_a_tenth_more_at_each_prune_up_to_p(p):
    schedule = Progressive(p)
    assert [schedule.at(k) for k in range(15)] == pytest.approx([min(p, k / 10) for k in range(15)])
    assert schedule.at(100) == p


@pytest.mark.parametrize('p', [0.3, 0.98])
def test_one_shot_pruning_is_p_at_every_prune_and_nothing_before(p):
    assert [OneShot(p).at(k) for k in (0, 1, 2, 50)] == [0., p, p, p]


def test_schedules_and_criteria_are_registered_under_the_names_of_the_configs():
    assert SCHEDULES.get('progressive') is Progressive
    assert SCHEDULES.get('one_shot') is OneShot
    assert CRITERIA.get('magnitude') is Magnitude


def test_magnitude_scores_by_absolute_value():
    weight = torch.nn.Parameter(torch.tensor([[-2., 0.5], [-0., 1.]]))
    score = Magnitude().score(dict(w=weight), {})['w']
    assert torch.equal(score, torch.tensor([[2., 0.5], [0., 1.]]))
    assert not score.requires_grad and not Magnitude.needs_gradients


@pytest.mark.parametrize(('prunes', 'end'), [(4, 1.), (5, 0.75), (8, 0.5)])
def test_gradual_pruning_rises_by_a_cube_and_trains_on_at_p(prunes, end):
    schedule = Cubic(0.9, end)
    schedule.begin(prunes)
    assert [schedule.at(k) for k in range(7)] == pytest.approx(
        [0, 0.9 * (1 - 0.75**3), 0.9 * (1 - 0.5**3), 0.9 * (1 - 0.25**3), 0.9, 0.9, 0.9])


@pytest.mark.parametrize(('schedule', 'key', 'value'), [
    ('cubic', 'end', 0.), ('cubic', 'end', 1.5), ('alternating', 'last', -1),
    ('cubic', 'end', 'x')])
def test_a_share_of_the_prunes_outside_0_to_1_is_refused(schedule, key, value):
    with pytest.raises(ConfigError, match=f'schedule.{key}'):
        SCHEDULES.build(dict(type=schedule, sparsity=0.9, **{key: value}))


@pytest.mark.parametrize(('prunes', 'last', 'expected'), [
    (10, 0.3, '1010101111'), (10, 0., '1010101011'), (4, 1., '1111'), (1, 0.3, '1')])
def test_alternating_training_ends_pruned(prunes, last, expected):
    schedule = Alternating(0.9, last)
    schedule.begin(prunes)
    assert schedule.at(0) == 0.
    assert [schedule.at(k) for k in range(1, prunes + 1)] == [0.9 * int(c) for c in expected]


def test_alternating_frees_all_weights_in_its_dense_phases(tmp_path):
    runner = tiny.run(tmp_path, 4, search=False, prune=dict(
        sparsity=0.8, interval=1, reactivation=None, schedule=dict(type='alternating', last=0.)))
    events = [(event['kind'], event['step'], event.get('sparsity'))
              for event in tiny.events(runner) if event['kind'] in ('prune', 'reactivate')]
    assert [event[:2] for event in events] == [
        ('prune', 1), ('reactivate', 2), ('prune', 3), ('prune', 4)]
    assert [event[2] for event in events if event[2]] == pytest.approx([0.8] * 3, abs=0.01)


def test_a_schedule_that_falls_frees_the_weights_above_its_target(tmp_path):
    class Falling(Progressive):
        def at(self, prune):
            return {1: 0.8, 2: 0.3}.get(prune, 0.8)

    runner = tiny.run(tmp_path, 3, search=False, prune=dict(
        sparsity=0.8, interval=1, reactivation=None, schedule=Falling(0.8)))
    assert [event['sparsity'] for event in tiny.prunes(runner)] == pytest.approx(
        [0.8, 0.3, 0.8], abs=0.01)
