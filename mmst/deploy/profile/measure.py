"""Measures a table of a supernet's times where they are to run."""
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from ...costs.cost import image_channels
from ...costs.latency.table import LatencyTable
from ...costs.latency.work import Counts, kind_of, timed_modules, works_of
from ...errors import config_error
from ...settings.checks import check_number
from .alike import alike_modules
from .clock import Timed
from .draw import draw_networks
from .fit import fit_modules, fit_network, transfer
from .places import Place, SparseEngine, TorchEngine

#: Networks whose modules are timed, others whose predictions are checked, and calls of each.
NETWORKS, CHECKED, ROUNDS = 60, 10, 20
#: Share of the differences between networks' times that a table has to explain: of twelve networks
#: that took any time, a fit explains a tenth; of one machine's own, nearly all.
LEAST_EXPLAINED = 0.25
#: Engine to where it runs in this process.
ENGINES_HERE: dict[str, type[Place]] = dict(sparse=SparseEngine, torch=TorchEngine)


def profile(supernet: nn.Module, input_shape: tuple[int, int], place: Place | None = None,
            networks: int = NETWORKS, checked: int = CHECKED, rounds: int = ROUNDS, seed: int = 0,
            log: Callable[[str], object] = lambda line: None) -> LatencyTable:
    """Return the costs of a supernet's modules, measured where its networks are to run.

    Networks of many widths, numbers of tokens and densities are drawn from it, and their modules
    timed while the networks run. Where a place runs whole networks alone, modules are timed in this
    process, and the costs made to fit the times of whole networks there. The table's ``check``
    holds the errors of predictions for other networks.

    Args:
        supernet (nn.Module): A whole model with mmst.HRNASSupernet, before any search.
        input_shape (Tuple[int, int]): Height and width of the image.
        place (Place, optional): Where networks are timed. Defaults to the sparse engine on one
            thread.
        networks, checked, rounds (int): Networks to learn from, others to check by, and calls of
            each that count.
        seed (int): Of the random networks. Defaults to 0.
        log (Callable): Takes a line for each step that is done.

    Raises:
        ConfigError: The network has no search blocks, a setting makes no sense, or the machine's
            other work hides what the modules cost.
        TicketError: The networks do not run there.
    """
    place = place or SparseEngine()
    check_number('networks', networks, low=12, whole=True, remedy='use 60')
    check_number('checked', checked, low=1, whole=True, remedy='use 10')
    check_number('rounds', rounds, low=1, whole=True, remedy='use 20')
    kinds = {path: kind_of(module) for path, module in timed_modules(supernet).items()}
    if not kinds:
        raise config_error('config', type(supernet).__name__, 'the network has no search blocks of '
                           'mmst.HRNASSupernet', 'profile a network with that backbone')
    local = place if place.sees_modules else ENGINES_HERE[place.engine](place.threads)
    image = image_for(supernet, input_shape)
    works, timed, there = [], [], []
    for number, model in enumerate(draw_networks(supernet, networks + checked, seed)):
        works.append({path: work() for path, work in works_of(model, place.engine).items()})
        if not place.sees_modules:
            there.append(place.prepare(model))
        if place.sees_modules or number < networks:
            timed.append(local.prepare(model, list(kinds) if number < networks else ()))
        log(f'network {number + 1} of {networks + checked} is drawn')
    if local.two_turns:
        _take_in_turns(local, timed, image, rounds, log)
    for number in range(0 if local.two_turns else rounds):
        local.take(timed, image, 1)
        log(f'round {number + 1} of {rounds} is timed')
    parts = [network.of_modules() for network in timed[:networks]]
    table = LatencyTable(
        place.engine, place.threads, input_shape, place.machine(), fit_modules(
            kinds, alike_modules(supernet, place.engine, image), works[:networks], parts))
    if there:
        _take_in_turns(place, there, image, rounds, log)
    whole = there or timed
    fit = transfer if there else fit_network
    times = [each.milliseconds() for each in whole[:networks]]
    table = fit(table, works[:networks], times)
    predicted = [table.milliseconds(own) for own in works[:networks]]
    if share_explained(predicted, times) < LEAST_EXPLAINED:
        raise config_error('rounds', rounds, 'the work of networks does not explain how long they '
                           'took: noise hides what modules cost', f'use e.g. {4 * rounds}, while '
                           'the machine does nothing else')
    return replace(table, check=_check(table, works[networks:], whole[networks:]))


def _check(table: LatencyTable, works: Sequence[Mapping[str, Counts]],
           networks: Sequence[Timed]) -> dict[str, float]:
    found = errors([table.milliseconds(own) for own in works],
                   [network.milliseconds() for network in networks])
    noise = float(np.mean([network.repetition_error() for network in networks]))
    return dict(found, repeat_error=float(f'{noise:.3g}'))


def _take_in_turns(place: Place, networks: Sequence[Timed], image: Tensor, rounds: int,
                   log: Callable[[str], object]) -> None:
    """Time networks in two turns, so that a minute of other work hits no network alone."""
    for turn, count in enumerate((rounds - rounds // 2, rounds // 2)):
        for number, network in enumerate(networks):
            if count:
                place.take([network], image, count)
                log(f'turn {turn + 1} of 2: network {number + 1} of {len(networks)} is timed')


def measure_network(model: nn.Module, table: LatencyTable, rounds: int = ROUNDS,
                    place: Place | None = None) -> float:
    """Return the milliseconds of a network, measured now as the table's networks were.

    Args:
        model (nn.Module): In eval mode.
        table (LatencyTable): Covers it.
        rounds (int): Calls that count. Defaults to 20.
        place (Place, optional): Where the table was measured. Defaults to its engine in this
            process.
    """
    place = place or ENGINES_HERE[table.engine](table.threads)
    timed = place.prepare(model)
    place.take([timed], image_for(model, table.input_shape), rounds)
    return timed.milliseconds()


def share_explained(predicted: Sequence[float], measured: Sequence[float]) -> float:
    """Return the share of the squared differences between measured times that predictions explain;
    0 where all took as long.
    """
    times = np.array(measured)
    left, spread = np.square(times - predicted).sum(), np.square(times - times.mean()).sum()
    return float(1 - left / spread) if spread > 0 else 0.


def errors(predicted: Sequence[float], measured: Sequence[float]) -> dict[str, float]:
    """Return mean and largest relative error of predictions."""
    wrong = [abs(a / b - 1) for a, b in zip(predicted, measured, strict=True)]
    return dict(networks=float(len(wrong)), mean_error=float(f'{np.mean(wrong):.3g}'),
                largest_error=float(f'{max(wrong):.3g}'))


def image_for(model: nn.Module, input_shape: tuple[int, int]) -> Tensor:
    """Return an image of noise; the engines take as long for any other."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(1, image_channels(model), *input_shape, generator=generator)
