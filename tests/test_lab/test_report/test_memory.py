"""How much memory a report may take."""
import mmap
import sys

import numpy as np
import pytest

from mmst.lab.report.memory import more_memory

#: A gigabyte that the system must map anew. An array may lie in memory that this process kept.
LARGE = 1 << 30


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='Linux bounds the memory')
def test_more_memory_than_allowed_is_refused_inside_the_block_alone():
    with more_memory(64 << 20):
        assert np.empty(8 << 20, np.uint8).nbytes
        with pytest.raises(OSError, match='Cannot allocate memory'):
            mmap.mmap(-1, LARGE)
    mmap.mmap(-1, LARGE).close()
