"""Scores weights, one criterion a file. The lowest scores are pruned."""
from .gradient import Gradient
from .lamp import LAMP
from .magnitude import Magnitude
from .obc import OptimalBrainCompression
from .random import Random

__all__ = ['LAMP', 'Gradient', 'Magnitude', 'OptimalBrainCompression', 'Random']
