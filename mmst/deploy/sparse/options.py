"""What the modules of one sparse network share."""
from dataclasses import dataclass


@dataclass
class Options:
    """Settings of a sparse network; may be changed between calls.

    Attributes:
        gap (int): Floats after each row of a map: the reach of the largest kernel.
        threads (int): Of the kernel.
        sizes_kept (int): Sizes of image whose plans are kept.
    """
    gap: int = 3
    threads: int = 1
    sizes_kept: int = 8
