"""A logger or visualizer that cannot be made keeps no other thread waiting."""
import threading

import pytest
from mmengine.logging import MMLogger, print_log
from mmengine.visualization import Visualizer

import mmst  # noqa: F401  # prepares mmengine


def in_a_thread(work):
    """Say whether another thread ends ``work``."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(10)
    return not thread.is_alive()


@pytest.mark.parametrize('fails', [
    lambda: Visualizer.get_instance('one', vis_backends=[dict(type='Nowhere')]),
    lambda: Visualizer.get_instance(3),
    lambda: Visualizer.get_current_instance()])
def test_other_threads_log_after_an_error(fails):
    with pytest.raises((KeyError, TypeError, AssertionError, RuntimeError)):
        fails()
    assert in_a_thread(lambda: print_log('from a thread', logger='current'))
    assert in_a_thread(lambda: MMLogger.get_instance('another'))


def test_nested_errors_leave_no_lock(monkeypatch):
    class Nested(Visualizer):
        def __init__(self, name, inner):
            if inner:
                Nested.get_instance('inner', inner=inner - 1)
            raise ValueError('not made')

    with pytest.raises(ValueError, match='not made'):
        Nested.get_instance('outer', inner=2)
    assert in_a_thread(lambda: MMLogger.get_instance('another'))


def test_what_is_made_is_kept_and_known_by_its_name():
    made = MMLogger.get_instance('a logger of this test')
    assert MMLogger.get_instance('a logger of this test') is made
    assert MMLogger.get_current_instance() is made
