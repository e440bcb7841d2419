"""Makes tickets small and fast: compaction, export, sparse inference."""
from .sparse import SparseModel

__all__ = ['SparseModel']
