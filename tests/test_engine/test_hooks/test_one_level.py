"""A run without a family of levels."""
import pytest

from mmst.engine.hooks.level_training import LevelTraining, build_levels
from mmst.engine.hooks.one_level import OneLevel
from mmst.pruning.pruner import Pruner

#: As in every call of a hook.
METHODS = dict(check_plan=1, draw=1, load=1, restore=1, begin_iteration=1, end_iteration=1, write=2)


def test_without_a_family_nothing_is_looked_at_and_checkpoints_have_no_entry():
    levels = OneLevel()
    for name, count in METHODS.items():
        assert getattr(levels, name)(*[None] * count) is None
    assert levels.state(None) == {}


def test_a_run_has_levels_only_where_a_family_is_asked_for():
    assert type(build_levels(None, 4, Pruner(0.9))) is OneLevel
    levels = build_levels([0.5, 0.9], 4, Pruner(0.9, revive='value'))
    assert type(levels) is LevelTraining and levels.levels == (0.5, 0.9)


@pytest.mark.parametrize('name', [*METHODS, 'state'])
def test_a_family_answers_wherever_its_absence_does(name):
    assert getattr(LevelTraining, name) is not getattr(OneLevel, name)
