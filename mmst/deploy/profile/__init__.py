"""Measures the milliseconds of a supernet's modules."""
from .measure import measure_network, profile

__all__ = ['measure_network', 'profile']
