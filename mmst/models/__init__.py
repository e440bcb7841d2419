"""What is trained: search blocks, the supernet backbone, its necks."""
from .classification_neck import ClassificationNeck
from .dense_neck import DensePredictionNeck
from .hrnas_supernet import HRNASSupernet
from .initialize import SupernetInit
from .search_block import SearchBlock
from .widths import get_widths, search_blocks, set_widths

__all__ = [
    'ClassificationNeck', 'DensePredictionNeck', 'HRNASSupernet', 'SearchBlock', 'SupernetInit',
    'get_widths', 'search_blocks', 'set_widths'
]
