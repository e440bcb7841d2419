"""Builds the trained networks: search blocks, the supernet backbone, its necks."""
from .hrnas.classification_neck import ClassificationNeck
from .hrnas.dense_neck import DensePredictionNeck
from .hrnas.hrnas_supernet import HRNASSupernet
from .hrnas.search_block import SearchBlock
from .hrnas.widths import get_widths, search_blocks, set_widths
from .initialize import SupernetInit

__all__ = [
    'ClassificationNeck', 'DensePredictionNeck', 'HRNASSupernet', 'SearchBlock', 'SupernetInit',
    'get_widths', 'search_blocks', 'set_widths'
]
