"""A run's work directory as one HTML page: ``tools/report.py``."""
from .write import write_report

__all__ = ['write_report']
