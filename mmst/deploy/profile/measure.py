"""Measures a table of a supernet's times on this machine."""
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from ...costs.cost import image_channels
from ...costs.latency.table import LatencyTable
from ...costs.latency.this_machine import this_machine
from ...costs.latency.work import ENGINES, kind_of, timed_modules, works_of
from ...errors import TicketError, config_error
from ...settings.checks import check_choice, check_number
from ..sparse import SparseModel
from ..sparse.call import call
from ..sparse.library import kernel
from .clock import Timed, take_times
from .draw import draw_network
from .fit import fit_entry, fit_network

#: Networks whose modules are timed, others whose predictions are checked, and calls of each.
NETWORKS, CHECKED, ROUNDS = 40, 10, 20


def profile(supernet: nn.Module, input_shape: tuple[int, int], engine: str = 'sparse',
            threads: int = 1, networks: int = NETWORKS, checked: int = CHECKED,
            rounds: int = ROUNDS, seed: int = 0,
            log: Callable[[str], object] = lambda line: None) -> LatencyTable:
    """Return the costs of a supernet's modules, measured on this machine.

    Networks of many widths, numbers of tokens and densities are drawn from it, and their modules
    timed while the networks run. Its ``check`` holds the errors of predictions for other networks.

    Args:
        supernet (nn.Module): A whole model with mmst.HRNASSupernet, before any search.
        input_shape (Tuple[int, int]): Height and width of the image.
        engine (str): ``'sparse'`` or ``'torch'``, which computes zeros too. Defaults to
            ``'sparse'``.
        threads (int): Of the engine. Defaults to 1.
        networks, checked, rounds (int): Networks to learn from, others to check by, and calls of
            each that count.
        seed (int): Of the random networks. Defaults to 0.
        log (Callable): Takes a line for each step that is done.

    Raises:
        ConfigError: The network has no search blocks, or a setting makes no sense.
        TicketError: The sparse engine has no compiled kernel.
    """
    check_choice('engine', engine, ENGINES)
    check_number('threads', threads, low=1, whole=True, remedy='use the number of cores')
    check_number('networks', networks, low=12, whole=True, remedy='use 40')
    check_number('checked', checked, low=1, whole=True, remedy='use 10')
    check_number('rounds', rounds, low=1, whole=True, remedy='use 20')
    kinds = {path: kind_of(module) for path, module in timed_modules(supernet).items()}
    empty = LatencyTable(engine, threads, input_shape, this_machine(), {})
    if not kinds:
        raise config_error('config', type(supernet).__name__, 'the network has no search blocks of '
                           'mmst.HRNASSupernet', 'profile a network with that backbone')
    rng, image = np.random.default_rng(seed), image_for(supernet, input_shape)
    works, timed = [], []
    for number in range(networks + checked):
        model = draw_network(supernet, rng)
        works.append({path: work() for path, work in works_of(model, engine).items()})
        paths = list(kinds) if number < networks else ()
        timed.append(prepare_network(model, engine, threads, paths))
        log(f'network {number + 1} of {networks + checked} is drawn')
    for number in range(rounds):
        take_times(timed, image, 1, threads)
        log(f'round {number + 1} of {rounds} is timed')
    parts = [network.of_modules() for network in timed[:networks]]
    table = replace(empty, modules={
        path: fit_entry(kind, [own[path] for own in works[:networks]], [t[path] for t in parts])
        for path, kind in kinds.items()})
    wholes = [network.milliseconds() for network in timed]
    sums = [table.milliseconds(own) for own in works[:networks]]
    overhead, factor = fit_network(sums, wholes[:networks])
    table = replace(table, overhead=overhead, factor=factor)
    check = errors([table.milliseconds(own) for own in works[networks:]], wholes[networks:])
    noise = float(np.mean([network.repetition_error() for network in timed[networks:]]))
    return replace(table, check=dict(check, repeat_error=float(f'{noise:.3g}')))


def measure_network(model: nn.Module, table: LatencyTable, rounds: int = ROUNDS) -> float:
    """Return the milliseconds of a network, measured now as the table's networks were."""
    timed = prepare_network(model, table.engine, table.threads)
    take_times([timed], image_for(model, table.input_shape), rounds, table.threads)
    return timed.milliseconds()


def errors(predicted: Sequence[float], measured: Sequence[float]) -> dict[str, float]:
    """Return mean and largest relative error of predictions."""
    wrong = [abs(a / b - 1) for a, b in zip(predicted, measured, strict=True)]
    return dict(networks=float(len(wrong)), mean_error=float(f'{np.mean(wrong):.3g}'),
                largest_error=float(f'{max(wrong):.3g}'))


def image_for(model: nn.Module, input_shape: tuple[int, int]) -> Tensor:
    """Return an image of noise; the engines take as long for any other."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(1, image_channels(model), *input_shape, generator=generator)


def prepare_network(model: nn.Module, engine: str, threads: int,
                    paths: Sequence[str] = ()) -> Timed:
    """Return a network as an engine runs it, with the modules of ``paths`` to be timed.

    Raises:
        TicketError: The sparse engine has no compiled kernel.
    """
    if engine == 'torch':
        return Timed(lambda image: call(model, image),
                     {path: model.get_submodule(path) for path in paths})
    found = SparseModel(model, threads=threads)
    if kernel() is None or not found.blocks['sparse']:
        raise TicketError('the sparse engine has no compiled kernel for it. Remedy: install a C++ '
                          'compiler, e.g. g++, or give --device torch.')
    return Timed(found, {path: found.model.get_submodule(path) for path in paths})
