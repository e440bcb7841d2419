"""Measures how long networks take for one frame, all of them side by side."""
import signal
import statistics
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

from ...deploy.export import Deployed
from ...deploy.export.onnx_file import export_onnx, silent
from ...deploy.sparse import SparseModel
from ...deploy.sparse.library import kernel
from ...errors import ConfigError, TicketError, config_error
from ...optional import need
from ...tickets import Ticket

#: Runs a network on one image (1, C, H, W).
Run = Callable[[Tensor], object]
Made = TypeVar('Made')
#: Calls of each network that count, after two that warm up.
ROUNDS = 15
#: Seconds of processor time that an export may take; longer ones are left out. By the clock a busy
#: machine would leave out what an idle one shows.
PATIENCE = 90.
#: Exports at a time.
PROCESSES = 2


class Exporter:
    """Makes onnxruntime's form of networks, each in a process of its own, side by side.

    Args:
        shape (Sequence[int]): Height and width of the images.
        folder (Path): For the ONNX files.
    """

    def __init__(self, shape, folder: Path):
        self.shape, self.folder = tuple(shape), folder
        self._pool = ProcessPoolExecutor(PROCESSES, mp_context=get_context('spawn'))

    def __enter__(self) -> 'Exporter':
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def __call__(self, name: str, ticket: Ticket) -> Callable[[], Run]:
        """Begin to export a ticket's network.

        Returns:
            Callable: Waits for the file and returns the network, run by onnxruntime on one thread.
            It raises ``ConfigError`` where a package is missing or the export takes too long, and
            ``TicketError`` where the network cannot be exported.
        """
        source, path = self.folder / f'{name}.pth', self.folder / f'{name}.onnx'
        ticket.save(source)
        exported = self._pool.submit(export_within, source, self.shape, path, PATIENCE)

        def finish() -> Run:
            runtime = need('onnxruntime', 'timing a dense network')
            try:
                exported.result()
            except TooSlow:
                raise config_error('export', name, f'it takes more than {PATIENCE:.0f} s',
                                   f'run mmst export --format onnx {name}.pth') from None
            except BrokenProcessPool:
                raise TicketError(f'the process that exports {name} was killed. Remedy: free some '
                                  'memory.') from None
            options = runtime.SessionOptions()
            options.intra_op_num_threads, options.log_severity_level = 1, 3
            session = runtime.InferenceSession(str(path), options,
                                               providers=['CPUExecutionProvider'])
            return lambda image: session.run(None, {'image': image.numpy()})

        return finish


class TooSlow(BaseException):
    """Ends an export. It is no ``Exception``: exporters catch those, and go on another way."""


def export_within(ticket: Path, shape: tuple[int, int], path: Path,
                  seconds: float) -> None:
    """Export the network of a ticket's file, in so many seconds of processor time at most.

    Nothing is printed: the process is not the one that shows the demo.

    Raises:
        TooSlow: The time is over.
    """
    def stop(*_: object) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        with silent():
            export_onnx(Deployed(Ticket.load(ticket), shape), path)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def sparse_engine(ticket: Ticket) -> SparseModel:
    """Return the network of a ticket, run by the sparse engine on one thread.

    Raises:
        TicketError: The engine cannot run it faster than torch.
    """
    model = SparseModel(ticket.build(), threads=1)
    if kernel() is None or not model.blocks['sparse']:
        raise TicketError('the sparse engine has no compiled kernel for it. Remedy: install a C++ '
                          'compiler, e.g. g++.')
    return model


def attempt(make: Callable[[], Made]) -> tuple[Made | None, str]:
    """Return the result of ``make``, or why there is none, in one line."""
    try:
        return make(), ''
    except (ConfigError, TicketError) as error:
        return None, ' '.join(str(error).split())


def milliseconds(runs: Mapping[str, Run], image: Tensor) -> dict[str, float]:
    """Return the median time of each network's calls.

    The networks take turns, so that other work of the machine hits all of them alike.

    Args:
        runs (Mapping): Name to network.
        image (Tensor): (1, C, H, W) float32.
    """
    times: dict[str, list[float]] = {name: [] for name in runs}
    with torch.inference_mode():
        for number in range(ROUNDS + 2):
            for name, run in runs.items():
                begin = time.perf_counter()
                run(image)
                if number > 1:
                    times[name].append(1000 * (time.perf_counter() - begin))
    return {name: statistics.median(calls) for name, calls in times.items()}
