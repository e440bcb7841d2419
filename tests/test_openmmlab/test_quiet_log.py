"""Lines of mmengine's loggers are held back, and come again."""
import logging

import pytest
from mmengine.logging import MMLogger, print_log

from mmst.openmmlab.quiet_log import quiet_log


@pytest.fixture
def logged(caplog):
    """Return what the current logger of mmengine has been given, which does not propagate."""
    logger = MMLogger.get_instance('a run')
    logger.addHandler(caplog.handler)
    return lambda: [record.getMessage() for record in caplog.records]


def log(text, level=logging.INFO):
    print_log(text, 'current', level)


def test_lines_of_a_logger_that_has_logged_before_are_held_back_and_come_again(logged):
    log('before')
    with quiet_log(logging.INFO):
        log('inside')
        log('a warning', logging.WARNING)
    log('after')
    assert logged() == ['before', 'a warning', 'after']


def test_a_logger_that_first_logs_inside_logs_afterwards(logged):
    with quiet_log(logging.INFO):
        log('inside')
    log('after')
    assert logged() == ['after']


def test_the_quieter_one_of_two_counts_and_an_error_ends_it(logged):
    with pytest.raises(ValueError, match='an error'), quiet_log(logging.ERROR):
        with quiet_log(logging.INFO):
            log('inside', logging.WARNING)
        log('still inside', logging.WARNING)
        raise ValueError('an error')
    log('after')
    assert logged() == ['after'] and not logging.root.manager.disable
