"""Defines the effect of torch's functions on labels of channels: a file a kind of function."""
from .moves import moved
from .table import COPIES, ELEMENTWISE, MOVES, RULES, aten

__all__ = ['COPIES', 'ELEMENTWISE', 'MOVES', 'RULES', 'aten', 'moved']
