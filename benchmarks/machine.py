"""Describes the machine that a record was measured on."""
from mmst.lab.machine import machine

__all__ = ['machine']
