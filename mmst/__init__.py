"""Searches and prunes a network in one training run: SuperTickets in OpenMMLab style.

``import mmst`` needs torch, mmengine and mmcv (or mmcv-lite) only. It prepares OpenMMLab's
packages, see :mod:`mmst.openmmlab.compat`; models, hooks and toolboxes are imported when a config
uses them.
"""
from .openmmlab.compat import cfg, prepare_openmmlab
from .version import __version__

prepare_openmmlab()


def load(name, **options):
    """Return a ticket that predicts; see :func:`mmst.deploy.load.load`.

    Args:
        name (str | Path): ``'street-p90'``, a file, a folder, or ``'hf:user/name'``.
        options: As of that function.
    """
    from .deploy.load import load as load_ticket  # torch and mmengine take seconds
    return load_ticket(name, **options)


__all__ = ['__version__', 'cfg', 'load']
