"""Writes a ticket as a C library's sources and weights: no Python where it runs."""
from .project import write_project

__all__ = ['write_project']
