"""Runs tickets on a CPU without computing with zeros."""
from .sparse_levels import SparseLevels
from .sparse_model import SparseModel

__all__ = ['SparseLevels', 'SparseModel']
