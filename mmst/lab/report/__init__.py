"""Shows a run's work directory as one HTML page: ``mmst report``."""
from .write import write_report

__all__ = ['write_report']
