"""Finds the claimed content of a file of ``torch.save`` without building any of it.

``weights_only=True`` keeps code out. It does not keep out files that take the memory of the
machine: packed archives, tensors with strides of 0 or larger than their storage, lists of lists of
lists, texts that are encoded again and again. Here the archive's directory and its pickle are read
symbolically, and content is refused that could take more than a small multiple of the file's own
size.
"""
from .inspect import inspect, stored_size
from .measure import Unsafe

__all__ = ['Unsafe', 'inspect', 'stored_size']
