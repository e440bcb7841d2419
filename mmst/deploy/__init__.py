"""Makes tickets small and fast: compaction, export, sparse inference."""
from .sparse import SparseLevels, SparseModel

__all__ = ['SparseLevels', 'SparseModel']
