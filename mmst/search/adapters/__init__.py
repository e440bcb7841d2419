"""Offers search units of modules that are not this project's: an adapter a file.

To add one: a file next to this one (or anywhere that your config imports) with a subclass of
``UnitAdapter``, registered in ``UNIT_ADAPTERS`` under the dotted name of the module's class.
"""
from ..unit_adapter import UnitAdapter
from .accept_searched_states import accept_searched_states
from .inverted_residual import InvertedResidualAdapter

__all__ = ['InvertedResidualAdapter', 'UnitAdapter', 'accept_searched_states']
