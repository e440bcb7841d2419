"""Normalises batches and applies the ReLU that follows, for training on CPUs."""
from .op import batch_norm, can_run

__all__ = ['batch_norm', 'can_run']
