"""The benchmark of events: its stop watches find what they watch."""
import events
import pytest


@pytest.mark.parametrize('name, owner, key', events.SEARCH + events.PRUNE,
                         ids=lambda value: value if isinstance(value, str) else '')
def test_what_a_stop_watch_times_is_there_under_that_name(name, owner, key):
    assert callable(vars(owner)[key])
