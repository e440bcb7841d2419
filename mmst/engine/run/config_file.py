"""Finds and reads the config file that the command line names."""
import difflib
import glob
import os.path as osp
import sys
from collections.abc import Mapping
from typing import Any

from mmengine.config import Config

from ...errors import MMSTError, config_error
from ...openmmlab.config_package import PACKAGE_DIR
from ...openmmlab.toolbox import missing_toolbox
from ...settings.changes import with_options
from .launcher import local_rank

#: Folder of the configs that come with the package.
CONFIGS = osp.join(PACKAGE_DIR, '.mim', 'configs')


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
        cfg = Config.fromfile(path)
    except MMSTError:
        raise
    except Exception as error:  # Reading runs the file: anything can be wrong with it.
        raise missing_toolbox(error) or config_error(
            'CONFIG', path, f'cannot be read ({type(error).__name__}: {error})',
            'correct the file or its _base_') from error
    if 'model' not in cfg:
        raise config_error('CONFIG', path, 'describes no model',
                           'give a whole config, e.g. configs/st_hrnas_cityscapes_p90.py')
    for key, value in (options or {}).items():
        try:
            cfg = with_options(cfg, {key: value})
        except (KeyError, TypeError, IndexError, AttributeError, AssertionError) as error:
            raise config_error(f'--cfg-options {key}', value, f'does not fit the config ({error})',
                               'take the key as it stands in the config') from error
    return cfg


def find_config(path: str) -> str:
    """Return the file that the command line names: it lies there, or it is one of this package's
    configs.

    Args:
        path (str): Of a file; where there is none, ``configs/name.py``, ``name.py`` and
            ``mmst::name.py`` mean the config of that name that comes with the package.

    Raises:
        ConfigError: There is neither.
    """
    if osp.isfile(path):
        return path
    name = path.removeprefix('mmst::').removeprefix('configs/')
    shipped = osp.join(CONFIGS, name)
    if osp.isabs(name) or '..' in name.split('/') or not osp.isfile(shipped):
        near = difflib.get_close_matches(name, shipped_configs(), n=1)
        raise config_error('CONFIG', path, 'no such file', 'give a config, e.g. '
                           f'{osp.join("configs", *(near or ["st_hrnas_cityscapes_p90.py"]))}')
    if local_rank() == 0 and not path.startswith('mmst::'):
        print(f'{path} is not in this folder: reading the config that comes with mmst, {shipped}',
              file=sys.stderr, flush=True)
    return shipped


def shipped_configs() -> list[str]:
    """Return the names of this package's configs, e.g. ``demo/st_hrnas_coco_p90_demo.py``."""
    return sorted(osp.relpath(path, CONFIGS)
                  for path in glob.glob(osp.join(CONFIGS, '**', '*.py'), recursive=True))


def config_name(path: str) -> str:
    """Return a run's name after its config: ``name`` of ``a/name.py`` or ``mmst::name.py``."""
    return osp.splitext(osp.basename(path.removeprefix('mmst::')))[0]
