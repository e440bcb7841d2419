"""Schedules the sparsity: the target at each prune, one schedule a file."""
from .alternating import Alternating
from .cubic import Cubic
from .one_shot import OneShot
from .progressive import Progressive

__all__ = ['Alternating', 'Cubic', 'OneShot', 'Progressive']
