"""Inference of tickets on a CPU that does not compute with zeros."""
from .sparse_model import SparseModel

__all__ = ['SparseModel']
