"""Searches and prunes a network in one training run: SuperTickets in OpenMMLab style.

``import mmst`` needs torch, mmengine and mmcv (or mmcv-lite) only. It prepares OpenMMLab's
packages, see :mod:`mmst.openmmlab.compat`; models, hooks and toolboxes are imported when a config
uses them.
"""
from .openmmlab.compat import cfg, prepare_openmmlab
from .version import __version__

prepare_openmmlab()

__all__ = ['__version__', 'cfg']
