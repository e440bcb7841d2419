"""Writes tickets in other formats: ONNX, torch.export, a sparse file."""
from .deployed import Deployed
from .sparse_file import load_sparse, save_sparse

__all__ = ['Deployed', 'load_sparse', 'save_sparse']
