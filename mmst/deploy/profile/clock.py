"""Takes the times of networks and of their modules, all of them in turns."""
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

#: The share of calls that are quicker than the one that counts: others had to share the machine.
QUANTILE = 0.25
#: Calls that do not count come first, until they took so many nanoseconds, or there were so many.
WARM_UP, MOST = 15_000_000, 12


@dataclass
class Timed:
    """Collects the times of one network.

    Attributes:
        run (Callable): Computes the network's output of an image.
        modules (Dict[str, nn.Module]): Those that are timed one by one, by path.
        whole (List[int]): Nanoseconds of each call.
        parts (Dict[str, List[int]]): Path to nanoseconds of each call.
        layers (Callable, optional): Runs the network, and returns the nanoseconds of its layers
            where it can tell them; else modules are timed by hooks.
    """
    run: Callable[[Any], Any]
    modules: dict[str, nn.Module] = field(default_factory=dict)
    whole: list[int] = field(default_factory=list)
    parts: dict[str, list[int]] = field(default_factory=dict)
    layers: Callable[[Any], Mapping[nn.Module, int] | None] | None = None

    def milliseconds(self) -> float:
        """Return the time of the network."""
        return float(np.quantile(self.whole, QUANTILE)) / 1e6

    def repetition_error(self) -> float:
        """Return how far two halves of the calls differ, as a share: the machine's own noise."""
        halves = [float(np.quantile(self.whole[i::2], QUANTILE)) for i in range(2)
                  if len(self.whole) > i]
        return abs(halves[0] / halves[-1] - 1)

    def of_modules(self) -> dict[str, float]:
        """Return the milliseconds of each module; of one that was not called, 0."""
        return {path: float(np.quantile(self.parts[path], QUANTILE)) / 1e6
                if self.parts.get(path) else 0. for path in self.modules}


def clock_of(threads: int) -> Callable[[], int]:
    """Return the clock: of one thread its own processor time, else time by the wall.

    Other work of the machine disturbs the former less.
    """
    return time.thread_time_ns if threads == 1 else time.perf_counter_ns


@torch.inference_mode()
def take_times(networks: Sequence[Timed], image: Any, rounds: int, threads: int,
               clock: Callable[[], int]) -> None:
    """Add the times of some calls of each network.

    Networks take turns, so that other work of the machine hits all of them alike; the first
    calls of a turn, with caches that others have filled, do not count. A small network takes a
    fifth less when it has run some times.

    Args:
        networks (Sequence[Timed]): Times are added to them.
        image (Tensor): (1, C, H, W) float32, or what else the networks take.
        rounds (int): Turns of each network.
        threads (int): With which the networks are computed.
        clock (Callable): Gives nanoseconds.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        for network in [network for _ in range(rounds) for network in networks]:
            _warm_up(network, image, clock)
            begin = clock()
            network.run(image)
            network.whole.append(clock() - begin)
            if network.modules:
                _take_parts(network, image, clock)
    finally:
        torch.set_num_threads(before)


def _warm_up(network: Timed, image: Any, clock: Callable[[], int]) -> None:
    begin = clock()
    for _ in range(MOST):
        network.run(image)
        if clock() - begin >= WARM_UP:
            break


def _take_parts(network: Timed, image: Any, clock: Callable[[], int]) -> None:
    layers = network.layers(image) if network.layers else None
    if layers is None:
        _take_by_hooks(network, image, clock)
        return
    for path, module in network.modules.items():
        found = [layers[layer] for layer in module.modules() if layer in layers]
        if found:
            network.parts.setdefault(path, []).append(sum(found))


def _take_by_hooks(network: Timed, image: Any, clock: Callable[[], int]) -> None:
    begun: dict[str, int] = {}
    hooks = []
    for path, module in network.modules.items():
        taken = network.parts.setdefault(path, [])

        def begin(*_: Any, path: str = path) -> None:
            begun[path] = clock()

        def end(*_: Any, path: str = path, taken: list[int] = taken) -> None:
            taken.append(clock() - begun[path])

        hooks += [module.register_forward_pre_hook(begin), module.register_forward_hook(end)]
    try:
        network.run(image)
    finally:
        for hook in hooks:
            hook.remove()
