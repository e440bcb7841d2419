"""Measures training steps on a GPU for ``benchmarks/gpu.py``; what its parts share."""
from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from captured import check_captured, check_forked, graphs
from mmengine.runner import Runner
from pairing import measure, summary
from training import own_cost
from training_tasks import DEVICE, TIME, clean, make_batch, runner, step

from mmst.engine import FastTrainingHook, PruneHook
from mmst.engine.run.runner_views import find_hook

#: Steps until each form runs as it will: plans are made, graphs captured.
WARMUP = 6 if DEVICE == 'cuda' else 1
#: Settings of the fast hook, and whether a form is captured.
FORMS: dict[str, tuple[dict, bool]] = {
    'as shipped': ({}, True),
    'without streams': (dict(streams=False), True),
    'without graphs': (dict(kernel=True, cuda_graph=False), False),
    'without graphs and kernels': (dict(kernel=False, cuda_graph=False), False)}


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
    """Measure a two-in-one step of 2x256x512, as shipped, without streams, without graphs."""
    steps = paired_forms(case, case.size(2, 256, 512), transformer, False)
    return dict(steps=steps, goals=[at_most('a step', steps['as shipped']['ms'], goal, 'ms')])


def batch_form(case: Case, half: bool) -> dict:
    """Measure a step of the shipped batch; graphs gain on the faster form without them."""
    steps = paired_forms(case, case.size(4, 512, 1024), 'all', half)
    eager = [steps[name]['speedup'] for name, (_, graph) in FORMS.items() if not graph]
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
        check_forked(graphs(runs[name]), find_hook(runs[name], FastTrainingHook).streams)
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


# ---------------------------------------------------------------------------------- shared


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
