"""Times networks by the C library, where a command runs it."""
import math
import subprocess
from collections.abc import Sequence

from torch import Tensor, nn

from ....errors import TicketError, config_error
from ....version import __version__
from ...c_library.network import encode
from ..clock import Timed
from .place import Describe, Place

#: Seconds for one network; a full-width one takes a minute on the slowest processors.
PATIENCE = 600


class CCommand(Place):
    """Times networks by the program ``timing`` of an exported C library, here or elsewhere.

    The command gets height, width, threads and number of calls as its last arguments and the
    weights on its standard input, and prints the milliseconds of each call, a line each.

    Args:
        describe (Callable): Gives the ticket of a network.
        words (Sequence[str]): The command, e.g. ``['ssh', 'pi', './timing']``.
        threads (int): Of the library. Defaults to 1.
    """
    engine, sees_modules = 'sparse', False

    def __init__(self, describe: Describe, words: Sequence[str], threads: int = 1):
        super().__init__(threads)
        self.describe, self.words = describe, list(words)

    def machine(self) -> dict[str, str]:
        """Return a description with the command in place of a processor."""
        return dict(processor=' '.join(self.words), cores=str(self.threads), device='c',
                    mmst=__version__)

    def prepare(self, model: nn.Module, paths: Sequence[str] = ()) -> Timed:
        """Write the network's weights; see :meth:`Place.prepare`.

        Raises:
            TicketError: The C library does not run it.
        """
        if paths:
            raise TicketError('the C library runs whole networks. Remedy: time modules by the '
                              'sparse engine.')
        data, _ = encode(self.describe(model))
        return Timed(lambda numbers: self._call(data, numbers))

    def take(self, networks: Sequence[Timed], image: Tensor, rounds: int) -> None:
        """Add the times of ``rounds`` calls of each network; one command makes all of a turn's."""
        numbers = (*image.shape[-2:], self.threads, rounds)
        for network in networks:
            network.whole += network.run(numbers)

    def _call(self, data: bytes, numbers: Sequence[int]) -> list[int]:
        words = [*self.words, *map(str, numbers)]
        try:
            done = subprocess.run(words, input=data, capture_output=True, timeout=PATIENCE)
        except OSError as error:
            raise self._error(error.strerror or str(error)) from None
        except subprocess.TimeoutExpired:
            raise self._error(f'it takes more than {PATIENCE} s for one network') from None
        said = done.stderr.decode(errors='replace').strip().splitlines()
        if done.returncode:
            raise self._error(f'it ended with status {done.returncode}'
                               + (f': {said[-1][:200]}' if said else ''))
        times = _nanoseconds(done.stdout)
        if len(times) != numbers[-1]:
            raise self._error(f'it printed {len(times)} times for {numbers[-1]} calls')
        return times

    def _error(self, problem: str) -> Exception:
        return config_error('--device', f'c:{" ".join(self.words)}', problem, 'name a command that '
                            'runs the program timing of mmst export --format c')


def _nanoseconds(printed: bytes) -> list[int]:
    """Return the times that were printed, up to the first line that is none."""
    times = []
    for line in printed.split():
        try:
            value = float(line)
        except ValueError:
            break
        if not (math.isfinite(value) and value >= 0):
            break
        times.append(round(1e6 * value))
    return times
