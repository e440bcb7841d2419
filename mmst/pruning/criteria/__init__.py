"""Pruning criteria: a weight's score, one file each. The lowest scores are pruned."""
from .magnitude import Magnitude

__all__ = ['Magnitude']
