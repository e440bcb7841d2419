"""Measures how long networks take for one frame, all of them side by side."""
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

from ...deploy.export import Deployed
from ...deploy.export.onnx_file import export_onnx
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
#: Seconds of processor time that one export may take; where it takes longer the next ones are left
#: out. By the clock a busy machine would leave out what an idle one shows.
PATIENCE = 90.


class Exporter:
    """Makes onnxruntime's form of networks, as long as that is quick.

    Args:
        shape (Sequence[int]): Height and width of the images.
        folder (Path): For the ONNX files.
    """

    def __init__(self, shape, folder: Path):
        self.shape, self.folder = tuple(shape), folder
        self._slow = 0.

    def __call__(self, name: str, ticket: Ticket) -> Run:
        """Return the network of a ticket, run by onnxruntime on one thread.

        Raises:
            ConfigError: A package is missing, or the last export has taken too long.
            TicketError: The network cannot be exported.
        """
        if self._slow > PATIENCE:
            raise config_error('export', name, f'the last one took {self._slow:.0f} s',
                               f'run mmst export --format onnx {name}.pth')
        runtime = need('onnxruntime', 'timing a dense network')
        begin = time.process_time()
        path = self.folder / f'{name}.onnx'
        export_onnx(Deployed(ticket, self.shape), path)
        options = runtime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = 1, 3
        session = runtime.InferenceSession(str(path), options,
                                           providers=['CPUExecutionProvider'])
        self._slow = time.process_time() - begin
        return lambda image: session.run(None, {'image': image.numpy()})


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
    """Return what ``make`` gives, or why there is nothing, in one line."""
    try:
        return make(), ''
    except (ConfigError, TicketError) as error:
        return None, ' '.join(str(error).split())


def milliseconds(runs: Mapping[str, Run], image: Tensor) -> dict[str, float]:
    """Return the median time of each network's calls.

    The networks take turns, so that whatever else the machine does hits all of them alike.

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
