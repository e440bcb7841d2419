"""Scores weights, one criterion a file. The lowest scores are pruned."""
from .gradient import Gradient
from .magnitude import Magnitude
from .obc import OptimalBrainCompression
from .random import Random

__all__ = ['Gradient', 'Magnitude', 'OptimalBrainCompression', 'Random']
