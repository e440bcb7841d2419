"""What a record was measured on; here so that benchmarks import it from beside them."""
from mmst.analysis.machine import machine

__all__ = ['machine']
