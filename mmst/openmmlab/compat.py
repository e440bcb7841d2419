"""Prepares OpenMMLab's packages; ``import mmst`` calls :func:`prepare_openmmlab`.

- mmseg, mmpose and mmdet import ``mmcv.ops``: a placeholder lets them where mmcv has no compiled
  ops (mmcv-lite), see :mod:`mmst.openmmlab.mmcv_ops`.
- Checkpoints are read without running code, see :mod:`mmst.openmmlab.safe_checkpoints`.
- Networks take on the shapes of searched checkpoints, see
  :mod:`mmst.openmmlab.searched_checkpoints`.
- A logger or visualizer that could not be made leaves no lock behind, see
  :mod:`mmst.openmmlab.manager_lock`.
- ``_base_ = 'mmst::name.py'`` finds the configs of this package, see
  :mod:`mmst.openmmlab.config_package`.

Each is done as soon as the package that needs it is imported, so that ``import mmst`` imports none.
"""
import importlib
import importlib.util
import sys
from types import ModuleType

from .after_import import after_import
from .config_package import add_config_package, add_to_hub, cfg
from .manager_lock import release_on_errors
from .mmcv_ops import install_mmcv_ext_placeholder

__all__ = ['cfg', 'prepare_openmmlab']


def prepare_openmmlab() -> None:
    """Prepare OpenMMLab's packages as described above. Calling it again changes nothing."""
    after_import('torch', _after_torch)
    after_import('mmengine', _after_mmengine)
    after_import('mmengine.utils.manager', release_on_errors)
    after_import('mmengine.hub', add_to_hub)
    after_import('mmengine.runner.checkpoint', _after_checkpoint)
    after_import('mmcv', install_mmcv_ext_placeholder)


def _after_torch(torch: ModuleType) -> None:
    """Let ``torch.load`` read mmengine's checkpoints, which hold more than tensors."""
    if 'mmengine' not in sys.modules:
        importlib.import_module('mmengine')


def _after_mmengine(mmengine: ModuleType) -> None:
    if importlib.util.find_spec('mmcv') is None:
        raise ImportError('mmst needs mmcv. Remedy: pip install mmcv-lite (nothing to compile), or '
                          'a full mmcv for operations that need compiled code.')
    add_config_package(importlib.import_module('mmengine.config.config'))
    from ..inspection.safe_globals import register_safe_globals
    register_safe_globals()


def _after_checkpoint(checkpoint: ModuleType) -> None:
    from .safe_checkpoints import read_checkpoints_safely
    from .searched_checkpoints import receive_searched_states
    read_checkpoints_safely(checkpoint)
    receive_searched_states(checkpoint)
