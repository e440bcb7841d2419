"""Explains any exception of a config in one line, with the key of the part that is to blame."""
from .causes import explaining
from .places import Place, Places, frames

__all__ = ['Place', 'Places', 'explaining', 'frames']
