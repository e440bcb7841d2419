"""What a record was measured on; here so that benchmarks import it from beside them."""
from mmst.lab.machine import machine

__all__ = ['machine']
