"""Generated data in the on-disk formats of the four datasets."""
from .generate import DATASETS, Generated, Recipe, generate

__all__ = ['DATASETS', 'Generated', 'Recipe', 'generate']
