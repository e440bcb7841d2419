"""Compacts a ticket: the same function exactly, without anything dead in the network."""
from .compact import compact, compact_graph, is_compact, with_compact_network
from .network import CompactNetwork

__all__ = ['CompactNetwork', 'compact', 'compact_graph', 'is_compact',
           'with_compact_network']
