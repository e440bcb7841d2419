#!/usr/bin/env python3
"""Runs ``mmst profile`` by its path in a checkout."""
import os.path as osp
import sys

sys.path.insert(0, osp.dirname(osp.realpath(__file__)))  # runpy leaves it out
from _door import enter

if __name__ == '__main__':
    enter('profile')
