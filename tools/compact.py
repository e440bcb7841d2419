#!/usr/bin/env python3
"""Runs ``mmst compact`` by its path in a checkout."""
from _door import enter

if __name__ == '__main__':
    enter('compact')
