"""What a rehearsal does leaves no trace."""
import logging

from mmengine.logging import MMLogger

from mmst.engine.rehearsal.sandbox import sandbox


def test_loggers_that_somebody_holds_are_quiet_inside_and_log_again_after(caplog):
    fresh, used = MMLogger.get_instance('fresh'), MMLogger.get_instance('used')
    for logger in (fresh, used):
        logger.addHandler(caplog.handler)
    used.info('used before')
    with sandbox():
        for logger in (fresh, used):
            logger.info(f'{logger.instance_name} inside')
    for logger in (fresh, used):
        logger.info(f'{logger.instance_name} after')
    assert [record.getMessage() for record in caplog.records
            if record.levelno == logging.INFO] == ['used before', 'fresh after', 'used after']
