"""Measures training on a GPU for ``benchmarks/gpu.py``: steps, searches and memory."""
from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from events import weaken
from mmengine.runner import Runner
from pairing import measure, summary
from torch.utils._python_dispatch import TorchDispatchMode
from training import own_cost
from training_tasks import DEVICE, TIME, clean, make_batch, runner, step

from mmst.engine import FastTrainingHook, PruneHook, RecalibrateHook, SearchHook
from mmst.engine.run.batches import training_batches
from mmst.engine.run.runner_views import find_hook, models, unwrapped
from mmst.kernels.graphed import PAYS, GraphedForward
from mmst.search.units import find_units

#: Steps until each form runs as it will: plans are made, graphs captured.
WARMUP = 6 if DEVICE == 'cuda' else 1
#: Settings of the fast hook, and whether a form is captured.
FORMS: dict[str, tuple[dict, bool]] = {
    'as shipped': ({}, True),
    'without graphs': (dict(kernel=True, cuda_graph=False), False),
    'without graphs and kernels': (dict(kernel=False, cuda_graph=False), False)}


class Failed(Exception):
    """Says why a part's figures would not be what they are called."""


@dataclass(frozen=True)
class Case:
    """Holds how large everything is.

    Args:
        tiny (bool): Whether networks are narrow and images small.
        rounds (int): Paired rounds.
    """
    tiny: bool
    rounds: int

    @classmethod
    def of(cls, args: argparse.Namespace) -> Case:
        """Return the case of a command line."""
        return cls(args.tiny, args.rounds)

    def size(self, batch: int, height: int, width: int) -> tuple[int, int, int]:
        """Return batch size, height and width."""
        return (2, 32, 64) if self.tiny else (batch, height, width)

    @property
    def network(self) -> dict[str, Any]:
        """Return settings of the supernet."""
        return dict(width=0.25, shallow=True) if self.tiny else {}

    def runner(self, size: tuple, transformer: str = 'all', two_in_one: bool = True,
               **settings: Any) -> Runner:
        """Return a waiting run of the segmentation supernet."""
        model = dict(type='BenchmarkNetwork', task='segmentation', transformer=transformer,
                     **self.network)
        return runner('segmentation', transformer, size, two_in_one, model=model, **settings)


# ----------------------------------------------------------------------------- training steps


def step_form(case: Case, transformer: str, goal: float) -> dict:
    """Measure a two-in-one step of 2x256x512, as shipped and without graphs."""
    steps = paired_forms(case, case.size(2, 256, 512), transformer, False)
    return dict(steps=steps, goals=[at_most('a step', steps['as shipped']['ms'], goal, 'ms')])


def batch_form(case: Case, half: bool) -> dict:
    """Measure a step of the shipped batch; graphs gain on the faster form without them."""
    steps = paired_forms(case, case.size(4, 512, 1024), 'all', half)
    eager = [s['speedup'] for name, s in steps.items() if name != 'as shipped']
    return dict(steps=steps, goals=[at_least('times as fast as without graphs',
                                             1 / max(eager), 3.)])


def paired_forms(case: Case, size: tuple, transformer: str, half: bool) -> dict:
    """Return steps of all ``FORMS`` in turn, half of the weights masked."""
    runs = {name: case.runner(size, transformer, changes=dict(fast=fast), half=half)
            for name, (fast, _) in FORMS.items()}
    return paired(case, runs, size, [name for name, (_, graph) in FORMS.items() if graph])


def paired(case: Case, runs: dict[str, Runner], size: tuple, captured: Iterable[str]) -> dict:
    """Return steps of runs in turn; those of the ``captured`` ones have to be graphs."""
    batch = make_batch('segmentation', *size)
    for run in runs.values():
        if any(isinstance(hook, PruneHook) for hook in run.hooks):
            find_hook(run, PruneHook).draw(run, 1, 0.5)
    times = measure({name: lambda r=r: step(r, batch) for name, r in runs.items()}, case.rounds,
                    WARMUP)
    clean(runs)
    for name in captured:
        check_captured(graphs(runs[name]))
    return summary(times, next(iter(runs)), TIME)


def overhead(case: Case) -> dict:
    """Measure a step of two-in-one training over one of plain training, both as shipped."""
    size = case.size(2, 256, 512)
    runs = dict(plain=case.runner(size, two_in_one=False), two_in_one=case.runner(size))
    steps = paired(case, runs, size, runs)
    own = statistics.median(own_cost(runs['two_in_one']) for _ in range(7))
    more = 100 * (1 / steps['two_in_one']['speedup'] - 1)
    return dict(steps=steps, values={'what it adds, timed by itself (ms)': own},
                goals=[at_most('two-in-one over plain', more, 2., '%')])


# ------------------------------------------------------------------------- searches, memory


def events(case: Case) -> dict:
    """Measure two searches with recalibration, until graphs of the new shapes replay.

    The images of ten batches are drawn by this process, which takes longer than reading them by
    workers: their time is shown, and is part of the whole.
    """
    size = case.size(4, 512, 1024)
    run = case.runner(size, changes=dict(recalibrate=dict(batches=2 if case.tiny else 10)))
    batch = make_batch('segmentation', *size)
    for _ in range(WARMUP):
        step(run, batch)
    usual = statistics.median(seconds(lambda: step(run, batch)) for _ in range(WARMUP))
    values, plans = {'a step before (s)': usual}, ConvolutionPlans()
    pass_eagerly(run, batch, plans)
    for number, name in enumerate(('first', 'second')):
        weaken(run, number)
        known = len(plans.keys)
        found = one_search(run, batch, usual)
        check_captured(graphs(run))
        pass_eagerly(run, batch, plans)
        values |= {f'{name} {what} (s)': value for what, value in found.items()}
        values[f'{name} search: new shapes of convolutions'] = len(plans.keys) - known
        whole = sum(value for what, value in found.items() if 'images' not in what)
    clean(dict(run=run))
    return dict(values=values, goals=[
        at_most('the second search in all', whole, 3., 's'),
        at_most('plans built by the second', values['second search: new shapes of convolutions'],
                0, '')])


def one_search(run: Runner, batch: dict, usual: float) -> dict[str, float]:
    """Return seconds of a search, its recalibration, and of steps beyond the usual."""
    recalibrate = find_hook(run, RecalibrateHook)
    found = {'search': seconds(lambda: find_hook(run, SearchHook).search(run, 10)),
             'recalibration': seconds(lambda: recalibrate.recalibrate(run, 10)),
             'steps until graphs replay': 0.}
    for _ in range(WARMUP):
        found['steps until graphs replay'] += max(0., seconds(lambda: step(run, batch)) - usual)
    found['images of the recalibration'] = seconds(lambda: list(training_batches(
        run, recalibrate.batches, 10, recalibrate.batch_size)))
    return found


def pass_eagerly(run: Runner, batch: dict, plans: ConvolutionPlans) -> None:
    """Collect the convolutions of a step, a recalibration and an evaluation.

    Without graphs, whose replays start no operator, and apart from what is timed.
    """
    model, forwards = unwrapped(run), {}
    for part in model.children():
        if isinstance(graphed := vars(part).get('forward'), GraphedForward):
            forwards[part], part.forward = graphed, graphed.eager
    try:
        with plans:
            model(**batch, mode='loss')['loss'].backward()
            find_hook(run, RecalibrateHook).recalibrate(run, 10)
            with torch.no_grad():
                model.eval()(**batch)
    finally:
        for part, graphed in forwards.items():
            part.forward = graphed
        model.train().zero_grad()


class ConvolutionPlans(TorchDispatchMode):
    """Collects what cuDNN plans by: shapes, layout and settings of each convolution.

    torch tells nobody how many plans it has. It plans once for each of these.
    """

    def __init__(self) -> None:
        super().__init__()
        self.keys: set[tuple] = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if 'convolution' in func.overloadpacket.__name__:
            self.keys.add((func.overloadpacket.__name__, *map(_planned_by, args)))
        return func(*args, **(kwargs or {}))


def _planned_by(value: Any) -> Any:
    if torch.is_tensor(value):
        return value.shape, value.stride(), value.dtype
    return tuple(value) if isinstance(value, (list, tuple)) else value


def flat_memory(case: Case) -> dict:
    """Measure the memory held over 50 searches, each of which takes one unit of one group."""
    size, searches = case.size(2, 256, 512), 4 if case.tiny else 50
    run = case.runner(size, changes=dict(recalibrate=dict(batches=1)))
    batch = make_batch('segmentation', *size)
    held = []
    for number in range(searches + 1):
        if number:
            weaken_one(run, number)
            find_hook(run, SearchHook).search(run, 10)
            find_hook(run, RecalibrateHook).recalibrate(run, 10)
        # As many as a graph needs to be worth its capture: soon dropped ones make later ones wait.
        for _ in range(WARMUP + PAYS if DEVICE == 'cuda' else WARMUP):
            step(run, batch)
        check_captured(graphs(run))
        held.append(memory_held())
    clean(dict(run=run))
    middle = statistics.median(held[1:])
    away = 100 * max(abs(m / middle - 1) for m in held[1:])
    return dict(values={'MiB at first': held[0], 'MiB after one search': held[1],
                        'MiB after the last': held[-1], 'searches': searches},
                goals=[at_most('memory off its median', away, 2., '%')], held_mib=held)


@torch.no_grad()
def weaken_one(run: Runner, number: int) -> None:
    """Make the last unit of one group unimportant."""
    name = list(find_units(unwrapped(run)))[number % len(find_units(unwrapped(run)))]
    for model in models(run):
        find_units(model)[name].gamma.data[-1:] = 0.


def memory_held() -> float:
    """Return MiB that torch's allocator holds of a GPU, or that this process has."""
    if DEVICE == 'cuda':
        torch.cuda.synchronize()
        return torch.cuda.memory_reserved() / 2**20
    lines = Path('/proc/self/status').read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith('VmRSS')) / 1024


# ---------------------------------------------------------------------------------- shared


def graphs(run: Runner) -> list[GraphedForward]:
    """Return the parts of a run that should replay."""
    return find_hook(run, FastTrainingHook).graphs


def check_captured(parts: Iterable[GraphedForward]) -> None:
    """Raise unless each part has a graph; on a CPU nothing has.

    Raises:
        Failed: A form was not captured.
    """
    if DEVICE == 'cpu':
        return
    parts = list(parts)
    if not parts:
        raise Failed('no part of the network was given to CUDA graphs')
    for part in parts:
        if not part.forms() or part.reasons or part.group.off:
            why = '; '.join(part.reasons) or f'{part.captures} captures, and none was kept'
            raise Failed(f'{type(part.module).__name__} ran without a CUDA graph: {why}')


def seconds(run) -> float:
    """Return the seconds of a call, to its end on the GPU."""
    wait = torch.cuda.synchronize if DEVICE == 'cuda' else lambda: None
    wait()
    start = time.perf_counter()
    run()
    wait()
    return time.perf_counter() - start


def at_most(what: str, value: float, goal: float, unit: str) -> dict:
    """Return a goal that is met by small values."""
    return dict(what=what, value=value, goal=f'≤ {goal:g} {unit}'.strip(), met=value <= goal)


def at_least(what: str, value: float, goal: float, unit: str = '') -> dict:
    """Return a goal that is met by large values."""
    return dict(what=what, value=value, goal=f'≥ {goal:g} {unit}'.strip(), met=value >= goal)
