"""Runs tickets on a CPU without computing with zeros."""
from .sparse_model import SparseModel

__all__ = ['SparseModel']
