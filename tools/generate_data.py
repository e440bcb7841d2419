#!/usr/bin/env python3
"""Runs ``mmst generate_data`` by its path in a checkout."""
from _door import enter

if __name__ == '__main__':
    enter('generate_data')
