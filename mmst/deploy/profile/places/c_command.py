"""Times networks by the C library, where a command runs it."""
import os
import selectors
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from subprocess import PIPE

from torch import Tensor, nn

from ....errors import config_error, one_line
from ....version import __version__
from ...c_library.network import encode_with_layers
from ..clock import Timed
from .place import Describe, Place

#: Seconds for one network; a full-width one takes a minute on the slowest processors.
PATIENCE = 600
#: Bytes that a call's time may take, and those that are kept of the errors that are printed.
LINE, LAST = 64, 4096


class CCommand(Place):
    """Times networks by the program ``timing`` of an exported C library, here or elsewhere.

    The command gets height, width, threads and number of calls as its last arguments, and perhaps
    the word ``steps``, and the weights on its standard input. It prints a line for each call: its
    milliseconds and, with that word, those of each step of the network.

    Args:
        describe (Callable): Gives the ticket of a network.
        words (Sequence[str]): The command, e.g. ``['ssh', 'pi', './timing']``.
        threads (int): Of the library. Defaults to 1.
    """
    engine, two_turns = 'sparse', True

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
        data, _, network, layers = encode_with_layers(self.describe(model))
        modules = {path: network.get_submodule(path) for path in paths}
        steps = {path: [i for i, layer in enumerate(layers) if layer in own]
                 for path, own in ((path, set(m.modules())) for path, m in modules.items())}
        return Timed(lambda numbers: self._times(data, numbers, steps, len(layers)), modules)

    def take(self, networks: Sequence[Timed], image: Tensor, rounds: int) -> None:
        """Add the times of ``rounds`` calls of each network; one command makes all of a turn's."""
        numbers = (*image.shape[-2:], self.threads, rounds)
        for network in networks:
            whole, parts = network.run(numbers)
            network.whole += whole
            for path, times in parts.items():
                network.parts.setdefault(path, []).extend(times)

    def _times(self, data: bytes, numbers: Sequence[int], steps: Mapping[str, Sequence[int]],
               count: int) -> tuple[list[int], dict[str, list[int]]]:
        """Return the nanoseconds of each call, and of modules in it; ``steps``: of each module."""
        if not steps:
            return self._call(data, numbers), {}
        found = self._call(data, numbers, count)
        calls = [found[i:i + 1 + count] for i in range(0, len(found), 1 + count)]
        return [call[0] for call in calls], {
            path: [sum(call[1 + i] for i in own) for call in calls]
            for path, own in steps.items() if own}

    def _call(self, data: bytes, numbers: Sequence[int], steps: int = 0) -> list[int]:
        words = [*self.words, *map(str, numbers), *(['steps'] if steps else [])]
        wanted = numbers[-1] * (1 + steps)
        try:
            status, printed, errors = _run(words, data, 1024 + LINE * wanted)
        except OSError as error:
            raise self._error(error.strerror or str(error)) from None
        except subprocess.TimeoutExpired:
            raise self._error(f'it takes more than {PATIENCE} s for one network') from None
        said = errors.decode(errors='replace').strip().splitlines()
        if status:
            raise self._error(f'it ended with status {status}'
                               + (f': {one_line(said[-1], 200)}' if said else ''))
        times = _nanoseconds(printed, 1 + steps)
        if len(times) != wanted:
            of_steps = f' of {steps} steps' if steps else ''
            raise self._error(f'it printed {len(times)} times for {numbers[-1]} calls{of_steps}')
        return times

    def _error(self, problem: str) -> Exception:
        return config_error('--device', f'c:{" ".join(self.words)}', problem, 'name a command that '
                            'runs the program timing of mmst export --format c, as this '
                            'version writes it')


def _run(words: Sequence[str], data: bytes, limit: int) -> tuple[int, bytes, bytes]:
    """Run a command on ``data``; both outputs are bounded, however much it prints.

    Args:
        words (Sequence[str]): The command.
        data (bytes): Its standard input.
        limit (int): Bytes of its output with which it is ended.

    Returns:
        Tuple[int, bytes, bytes]: Its status, 0 where it was ended; the beginning of its output; the
        end of its errors.

    Raises:
        OSError: It cannot be started.
        TimeoutExpired: It takes too long.
    """
    end = time.monotonic() + PATIENCE
    printed, errors = b'', b''
    with tempfile.TemporaryFile() as given, selectors.DefaultSelector() as waiting:
        given.write(data)
        given.seek(0)
        with subprocess.Popen(words, stdin=given, stdout=PIPE, stderr=PIPE) as process:
            try:
                for stream in filter(None, (process.stdout, process.stderr)):
                    waiting.register(stream, selectors.EVENT_READ)
                while waiting.get_map() and len(printed) <= limit:
                    found = waiting.select(max(0., end - time.monotonic()))
                    if not found or time.monotonic() > end:
                        raise subprocess.TimeoutExpired(words, PATIENCE)
                    for key, _ in found:
                        piece = os.read(key.fd, 1 << 16)
                        if not piece:
                            waiting.unregister(key.fileobj)
                        elif key.fileobj is process.stdout:
                            printed += piece
                        else:
                            errors = (errors + piece)[-LAST:]
                if len(printed) > limit:
                    return 0, printed, errors
                return process.wait(max(0., end - time.monotonic())), printed, errors
            finally:
                process.kill()


def _nanoseconds(printed: bytes, a_line: int = 1) -> list[int]:
    """Return the times that were printed, up to the first that is none; a call takes some."""
    times: list[int] = []
    for line in printed.split():
        try:
            value = float(line)
        except ValueError:
            break
        least = 0 if len(times) % a_line else 1e-6
        if not least <= value <= 1e3 * PATIENCE:  # nor is NaN
            break
        times.append(round(1e6 * value))
    return times
