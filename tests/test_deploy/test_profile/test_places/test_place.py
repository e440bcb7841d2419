"""What all places share."""
import pytest

from mmst.deploy.profile.places import SparseEngine, TorchEngine
from mmst.errors import ConfigError


@pytest.mark.parametrize('place', [SparseEngine, TorchEngine])
@pytest.mark.parametrize('threads', [0, 999999, 1.5, '2', True])
def test_threads_that_no_machine_has_are_refused_before_anything_is_timed(place, threads):
    with pytest.raises(ConfigError, match=r'^threads = .*use the number of cores'):
        place(threads)
