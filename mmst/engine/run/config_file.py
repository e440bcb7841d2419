"""Reads the config file that the command line names."""
import os.path as osp
import sys
from collections.abc import Mapping
from typing import Any

from mmengine.config import Config
from mmengine.utils import import_modules_from_strings

from ...errors import MMSTError, config_error
from ...openmmlab.config_bases import read_with_bases
from ...openmmlab.toolbox import missing_toolbox
from ...settings.changes import with_options
from ...settings.config_path import find_config
from .class_names import name_classes


def read_config(path: str, options: Mapping[str, Any] | None = None) -> Config:
    """Return the content of a config file with ``options`` put into it.

    Raises:
        ConfigError: The file is not there, cannot be read, or needs a toolbox that is missing.
    """
    path = find_config(path)
    folder = osp.dirname(osp.abspath(path))
    if folder not in sys.path:  # custom_imports may name files next to the config
        sys.path.append(folder)
    try:
        cfg = name_classes(read_with_bases(path))
    except MMSTError:
        raise
    except (Exception, SystemExit) as error:  # Reading runs the file: anything can be wrong.
        raise missing_toolbox(error) or config_error(
            'CONFIG', path, f'cannot be read ({_reason(error)})',
            'correct the file, its _base_ or custom_imports') from error
    if 'model' not in cfg:
        raise config_error('CONFIG', path, 'describes no model',
                           'give a whole config, e.g. configs/st_hrnas_cityscapes_p90.py')
    for key, value in (options or {}).items():
        try:
            cfg = with_options(cfg, {key: value})
        except (KeyError, TypeError, IndexError, AttributeError, AssertionError) as error:
            raise config_error(f'--cfg-options {key}', value, f'does not fit the config ({error})',
                               'take the key as it stands in the config') from error
        if key.partition('.')[0] == 'custom_imports':
            _import(f'--cfg-options {key}', value, cfg)
    return cfg


def _import(key: str, value: Any, cfg: Config) -> None:
    """Import the modules that an option names, as reading a file imports those that it names."""
    try:
        import_modules_from_strings(**(cfg.custom_imports or dict(imports=None)))
    except (Exception, SystemExit) as error:  # Importing runs the modules.
        raise config_error(key, value, f'cannot be imported ({_reason(error)})',
                           'give names of modules, which lie next to the config or on PYTHONPATH'
                           ) from error


def _reason(error: BaseException) -> str:
    """Return an error's kind and words; where imports failed in turn, those of the first."""
    while isinstance(error, ImportError) and isinstance(error.__context__, ImportError):
        error = error.__context__
    return f'{type(error).__name__}: {error}'
