"""Manages the memory of a process that trains on a CPU."""
import ctypes

#: Of ``mallopt``, as in glibc's ``malloc.h``.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
#: In bytes: larger ones are given back to the system as usual.
LARGEST_KEPT = 2**30


def keep_freed_memory() -> bool:
    """Let this process reuse the memory of freed feature maps.

    By default glibc returns each large block to the system when it is freed. The next map then gets
    pages that the system clears one by one, in every step: up to a third of its time. Kept memory
    counts towards the process until it ends.

    Returns:
        bool: False where the C library cannot do it (it is not glibc); nothing happens then.
    """
    return _set_thresholds(LARGEST_KEPT, 2 * LARGEST_KEPT - 1)


def _set_thresholds(mmap: int, trim: int) -> bool:
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):  # TypeError: Windows
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, mmap) and mallopt(M_TRIM_THRESHOLD, trim))
