"""The time that is left, and what is shown."""
import pytest

from mmst.lab.study.progress import duration, remaining


def test_the_time_left_follows_from_the_speed_of_what_was_worked_on():
    assert remaining(100., 25., 0., 50.) == pytest.approx(150.)
    assert remaining(100., 75., 50., 50.) == pytest.approx(50.)  # 50 had been done before
    assert remaining(100., 100., 0., 50.) == 0.
    assert remaining(100., 0., 0., 50.) is None and remaining(100., 5., 5., 9.) is None


def test_durations_are_read_as_hours_minutes_seconds():
    assert duration(3905.4) == '1:05:05' and duration(0) == '0:00:00'
