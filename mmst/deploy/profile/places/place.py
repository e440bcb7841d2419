"""Times networks where they are to run."""
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from torch import Tensor, nn

from ....costs.latency.table import MOST_THREADS
from ....costs.latency.this_machine import this_machine
from ....settings.checks import check_number
from ....tickets import Ticket
from ..clock import Timed, clock_of, take_times

#: Gives the ticket of a network that was drawn.
Describe = Callable[[nn.Module], Ticket]


class Place(ABC):
    """Times networks somewhere; by default in this process, on the processor.

    Attributes:
        engine (str): Whose work its times go with: ``'sparse'``, or ``'torch'`` where zeros cost as
            much as other weights; one of :data:`mmst.costs.latency.work.ENGINES`.
        threads (int): With which networks are computed.
        sees_modules (bool): Whether modules can be timed one by one, or whole networks alone.
        two_turns (bool): Whether each network is timed in two turns of many calls, since to begin
            with one costs more than a call; else each call is a turn.

    Raises:
        ConfigError: ``threads`` is no whole number above 0.
    """
    engine: ClassVar[str]
    sees_modules: ClassVar[bool] = True
    two_turns: ClassVar[bool] = False

    def __init__(self, threads: int = 1):
        self.threads = check_number('threads', threads, low=1, high=MOST_THREADS, whole=True,
                                    remedy='use the number of cores')

    @abstractmethod
    def prepare(self, model: nn.Module, paths: Sequence[str] = ()) -> Timed:
        """Return a network as it runs there.

        Args:
            model (nn.Module): In eval mode.
            paths (Sequence[str]): Of the modules that are to be timed, too.

        Raises:
            TicketError: It does not run there.
        """

    def machine(self) -> dict[str, str]:
        """Return a table's description of the machine."""
        return this_machine()

    def image(self, image: Tensor) -> Any:
        """Return an image (1, C, H, W) as its networks take it."""
        return image

    def clock(self) -> Callable[[], int]:
        """Return the clock, which gives nanoseconds."""
        return clock_of(self.threads)

    def take(self, networks: Sequence[Timed], image: Tensor, rounds: int) -> None:
        """Add the times of ``rounds`` calls of each network, which take turns."""
        take_times(networks, self.image(image), rounds, self.threads, self.clock())
