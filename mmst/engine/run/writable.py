"""Refuses folders that cannot be written, before anything is written."""
import os
import tempfile

from ...errors import config_error


def check_writable(work_dir: str) -> None:
    """Refuse a work directory in which no file can be written.

    Raises:
        ConfigError: With the system's reason.
    """
    try:
        os.makedirs(work_dir, exist_ok=True)
        with tempfile.TemporaryFile(dir=work_dir):
            pass
    except OSError as error:
        raise config_error('work_dir', work_dir, f'cannot be written ({error.strerror})',
                           'give another --work-dir') from error


def check_can_be_made(key: str, folder: str) -> None:
    """Refuse a folder that cannot be written, or made; nothing is made yet.

    Raises:
        ConfigError: With the system's reason.
    """
    there = os.path.abspath(os.path.expanduser(folder))
    while not os.path.exists(there):
        there = os.path.dirname(there)
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise config_error(key, folder, f'cannot be written ({error.strerror}: {there})',
                           'give another folder') from error
