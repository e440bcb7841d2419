"""How much memory a report may take."""
import sys

import numpy as np
import pytest

from mmst.lab.report.memory import more_memory


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='Linux bounds the memory')
def test_more_memory_than_allowed_is_refused_inside_the_block_alone():
    with more_memory(64 << 20):
        assert np.empty(8 << 20, np.uint8).nbytes
        with pytest.raises(MemoryError):
            np.empty(1 << 30, np.uint8)
    assert np.empty(1 << 30, np.uint8).nbytes
