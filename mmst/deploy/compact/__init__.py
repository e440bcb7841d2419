"""Compaction: a ticket's network without anything dead in it, exactly the same function."""
from .compact import compact, compacted_graph, is_compact, nonzero, use_compact
from .network import CompactNetwork

__all__ = ['CompactNetwork', 'compact', 'compacted_graph', 'is_compact', 'nonzero', 'use_compact']
