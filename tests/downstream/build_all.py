"""Build the network and the hooks of each named config of mmst, inherited from this folder.

    python build_all.py st_hrnas_cityscapes_p90.py st_hrnas_coco_p50.py ...

Each is inherited as ``mmst::NAME``, with two keys changed: the sparsity, and a narrow network.
"""
import sys
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import HOOKS, MODELS, init_default_scope

import mmst  # noqa: F401  (first: it prepares OpenMMLab's packages)
from mmst.search.units import find_units

CHILD = '''
_base_ = 'mmst::{name}'
default_hooks = dict(prune=dict(sparsity=0.42))
model = dict(backbone=dict(
    stem_channels=(4, 4), channels=((4, ), (4, 6)), depths=((1, ), (1, 1)), tokens=4),
    neck=dict(in_channels=(4, 6), tokens=4{widen}))
'''


def build(name: str) -> None:
    """Write a config here that inherits ``name``, read it, build what it describes."""
    child = Path('child.py')
    # The only difference between necks: one widens each branch, of which there are two here.
    child.write_text(CHILD.format(name=name, widen=', channels=(6, 8)' * ('imagenet' in name)))
    cfg = Config.fromfile(child)
    init_default_scope(cfg.default_scope)
    model = MODELS.build(cfg.model)
    hooks = {key: HOOKS.build(hook) for key, hook in cfg.default_hooks.items()}
    groups = find_units(model)
    assert any(n.startswith('neck.') for n in groups) and len(groups) < 40
    assert hooks['prune'].sparsity == 0.42 and hooks['search'].rho > 0
    assert cfg.optim_wrapper.type == 'mmst.MaskedOptimWrapper' and cfg.train_cfg.max_epochs >= 200


if __name__ == '__main__':
    for config in sys.argv[1:]:
        build(config)
        print(config)
