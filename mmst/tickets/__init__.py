"""Holds the ticket: a searched architecture, its mask and its weights."""
from .summary import summarize
from .ticket import Ticket

__all__ = ['Ticket', 'summarize']
