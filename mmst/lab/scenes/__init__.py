"""Generates data in the on-disk formats of the real data sets."""
from .generate import DATASETS, Generated, Recipe, generate

__all__ = ['DATASETS', 'Generated', 'Recipe', 'generate']
