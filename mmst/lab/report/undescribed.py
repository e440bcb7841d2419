"""Describes runs whose timelines do not."""
from collections.abc import Mapping
from typing import Any

from mmengine.config import Config


def describe_run(cfg: Config | None, checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """Return config and checkpoint of a run whose timeline does not describe it."""
    loop = dict((cfg or {}).get('train_cfg') or {})
    meta, search = checkpoint.get('meta') or {}, checkpoint.get('mmst_search') or {}
    by_epoch = 'max_iters' not in loop
    found = dict(unit='epoch' if by_epoch else 'iteration', supernet=search.get('supernet'),
                 steps=loop.get('max_epochs' if by_epoch else 'max_iters'),
                 iterations_per_step=1 if not by_epoch else None)
    if by_epoch and meta.get('epoch') and meta.get('iter'):
        found['iterations_per_step'] = meta['iter'] / meta['epoch']
    return {key: value for key, value in found.items() if value is not None}
