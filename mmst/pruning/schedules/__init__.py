"""Schedules the sparsity: the target at each prune, one schedule a file."""
from .one_shot import OneShot
from .progressive import Progressive

__all__ = ['OneShot', 'Progressive']
