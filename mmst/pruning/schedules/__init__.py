"""Sparsity schedules: the target at each prune, one file each."""
from .one_shot import OneShot
from .progressive import Progressive

__all__ = ['OneShot', 'Progressive']
