"""Reads a config with its bases; one that is a base of itself is refused at once."""
import os.path as osp
from typing import Any

from mmengine.config import Config

from ..errors import ConfigError, config_error
from .internals import watch_reading


def read_with_bases(path: Any) -> Config:
    """Return the content of a config file, as ``Config.fromfile`` does.

    mmengine reads a file that is its own base until Python's stack is full.

    Raises:
        ConfigError: A file is among its own bases, directly or through others.
        Exception: Reading runs the file: anything can be wrong.
    """
    reading: list[str] = []

    def begin(name: Any) -> None:
        file = osp.realpath(osp.expanduser(name))
        if file in reading:
            raise _circle([*reading[reading.index(file):], file])
        reading.append(file)

    with watch_reading(begin, lambda name: reading.pop()):
        return Config.fromfile(path)


def _circle(files: list[str]) -> ConfigError:
    way = ' -> '.join(osp.basename(file) for file in files)
    return config_error('_base_', files[-1], f'the config is a base of itself ({way})',
                        f'remove it from the bases of {files[-2]}')
