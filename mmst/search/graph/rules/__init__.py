"""Defines the effect of torch's functions on labels of channels: a file a kind of function."""
from .moves import move
from .table import COPIES, ELEMENTWISE, MOVES, RULES, aten

__all__ = ['COPIES', 'ELEMENTWISE', 'MOVES', 'RULES', 'aten', 'move']
