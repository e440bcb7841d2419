"""Batch normalisation with the ReLU that follows it, for training on CPUs."""
from .op import batch_norm, can_run

__all__ = ['batch_norm', 'can_run']
