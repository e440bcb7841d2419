"""Measures searches on a GPU for ``benchmarks/gpu.py``: time, plans of convolutions, memory."""
from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

import torch
from captured import check_captured, graphs
from events import weaken
from gpu_parts import WARMUP, Case, at_most, seconds
from mmengine.runner import Runner
from torch.utils._python_dispatch import TorchDispatchMode
from training_tasks import DEVICE, clean, make_batch, step

from mmst.engine import RecalibrateHook, SearchHook
from mmst.engine.run.batches import training_batches
from mmst.engine.run.runner_views import find_hook, models, unwrap
from mmst.kernels.graphed import PAYS, GraphedForward
from mmst.search.units import find_units


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
    model, forwards = unwrap(run), {}
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
    """Collects the keys of cuDNN's plans: shapes, layout and settings of each convolution.

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
    name = list(find_units(unwrap(run)))[number % len(find_units(unwrap(run)))]
    for model in models(run):
        find_units(model)[name].gamma.data[-1:] = 0.


def memory_held() -> float:
    """Return MiB that torch's allocator holds of a GPU, or that this process has."""
    if DEVICE == 'cuda':
        torch.cuda.synchronize()
        return torch.cuda.memory_reserved() / 2**20
    lines = Path('/proc/self/status').read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith('VmRSS')) / 1024
