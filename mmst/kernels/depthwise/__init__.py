"""Computes depthwise convolutions of several kernel sizes in one pass, for training."""
from .op import can_run, mixed_depthwise

__all__ = ['can_run', 'mixed_depthwise']
