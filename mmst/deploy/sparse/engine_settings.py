"""Holds the settings that the modules of one sparse network share."""
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch


@dataclass
class EngineSettings:
    """Holds the settings of a sparse network; they may be changed between calls.

    Attributes:
        gap (int): Floats after each row of a map: the reach of the largest kernel.
        threads (int): Of the kernel.
        sizes_kept (int): Sizes of image whose plans are kept.
        owner (int): Of the process that has made or unpickled the network.
    """
    gap: int = 3
    threads: int = 1
    sizes_kept: int = 8
    owner: int = field(default_factory=os.getpid)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, owner=os.getpid())

    def stay_alone_after_fork(self) -> None:
        """Let torch compute on one thread in a forked child, which has none of its parent's others.

        OpenMP would wait for them for ever.
        """
        if self.owner != os.getpid():
            torch.set_num_threads(1)
            self.owner = os.getpid()

    @contextmanager
    def torch_aside(self) -> Iterator[None]:
        """Run torch's operations between calls of the kernel in float32, and on one thread.

        Torch's other threads would go on looking for work for a while, on the kernel's cores. A
        thread of the process that asks for torch's number of threads for the first time meanwhile
        keeps 1.
        """
        before = torch.get_num_threads()
        alone = self.threads == 1 or before == 1
        if not alone:
            torch.set_num_threads(1)
        try:
            with torch.autocast('cpu', enabled=False):
                yield
        finally:
            if not alone:
                torch.set_num_threads(before)
