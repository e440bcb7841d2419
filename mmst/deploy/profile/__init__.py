"""Measures what the modules of a supernet cost in milliseconds."""
from .measure import measure_network, profile

__all__ = ['measure_network', 'profile']
