"""Times networks by torch on a GPU."""
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from ....costs.latency.this_machine import this_machine
from ....errors import config_error
from ..clock import Timed
from .torch_engine import TorchEngine


class TorchGPU(TorchEngine):
    """Times networks by torch on the first GPU that this process sees.

    Raises:
        ConfigError: There is none.
    """

    def __init__(self, threads: int = 1):
        super().__init__(threads)
        if not torch.cuda.is_available():
            raise config_error('--device', 'cuda', 'torch finds no GPU here',
                               'measure where there is one')

    def machine(self) -> dict[str, str]:
        """Return the description of the machine, with the name of its GPU."""
        return dict(this_machine(), device=torch.cuda.get_device_name())

    def prepare(self, model: nn.Module, paths: Sequence[str] = ()) -> Timed:
        """Move the network to the GPU; see :meth:`TorchEngine.prepare`."""
        return super().prepare(model.to('cuda'), paths)

    def image(self, image: Tensor) -> Tensor:
        """Return the image on the GPU."""
        return image.to('cuda')

    def clock(self) -> Callable[[], int]:
        """Return a clock that waits for all that the GPU was given."""
        def read() -> int:
            torch.cuda.synchronize()
            return time.perf_counter_ns()

        return read
