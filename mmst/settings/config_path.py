"""Finds the config file that the command line names, without importing torch."""
import difflib
import glob
import os
import os.path as osp
import sys

from ..errors import config_error

#: Folder of the configs that come with the package.
CONFIGS = osp.join(osp.dirname(osp.dirname(osp.abspath(__file__))), '.mim', 'configs')


def find_config(path: str, quiet: bool = False) -> str:
    """Return the file that the command line names: it lies there, or it is one of this package's
    configs.

    Args:
        path (str): Of a file; where there is none, ``configs/name.py``, ``name.py`` and
            ``mmst::name.py`` mean the config of that name that comes with the package.
        quiet (bool): Print no line where it is one of this package's. Defaults to False.

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
    if not quiet and os.environ.get('LOCAL_RANK', '0') == '0' and not path.startswith('mmst::'):
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
