"""Measures the times of a search, a prune and a reactivation, and of their parts, without training.

    python benchmarks/events.py                          # full-width supernet of Cityscapes
    python benchmarks/events.py --only graph --rounds 5

A fifth of the units goes in each search. Each round begins with the same network, optimizer state
and average, so that all rounds do the same. The machine may be busy: the least of the rounds'
processor time stands first, their median next to it. Results are added to
``benchmarks/results/events.json`` and ``.md``.
"""
import argparse
import contextlib
import copy
import gc
import json
import os
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault('OMP_NUM_THREADS', '1')  # before torch is loaded

import torch
import torchvision
from machine import machine
from mmengine.model import BaseModel
from mmengine.registry import MODELS
from mmengine.runner import Runner
from pairing import load
from torch import Tensor, nn
from training_report import table
from training_tasks import clean, make_batch, runner, step

from mmst.costs.network_costs import NetworkCosts
from mmst.engine import PruneHook, SearchHook
from mmst.engine.hooks import mask_hook as mask_hook_module
from mmst.engine.optim.masked_optim_wrapper import MaskedStep
from mmst.engine.run.runner_views import find_hook, models, unwrap
from mmst.pruning import pruner as pruner_module
from mmst.pruning import scope_allocation
from mmst.pruning.mask_in_force import MaskInForce
from mmst.search import searcher as searcher_module
from mmst.search.searcher import Searcher
from mmst.search.surgery import Cut
from mmst.search.units import find_units

RESULTS = Path(__file__).resolve().parent / 'results' / 'events.json'
#: Share of the units that a search removes.
SHARE = 0.2


def main() -> int:
    """Measure the chosen events and write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--only', nargs='+', choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument('--rounds', type=int, default=7)
    parser.add_argument('--threads', type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    for name in args.only:
        record(args, name, SECTIONS[name](args.rounds))
    print(RESULTS.with_suffix('.md').read_text())
    return 0


def record(args: argparse.Namespace, section: str, found: dict[str, Any]) -> None:
    """Add one section's result to the others."""
    sections = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    sections[section] = dict(
        times=found, machine=machine(), load=load(), command='python benchmarks/events.py --only '
        f'{section} --rounds {args.rounds} --threads {args.threads}')
    RESULTS.write_text(json.dumps(sections, indent=2) + '\n')
    RESULTS.with_suffix('.md').write_text(markdown(sections))


# ------------------------------------------------------------------------------ what is measured


def supernet(rounds: int) -> dict[str, Any]:
    """Return the events of the full-width supernet of Cityscapes, with Transformers."""
    size = (1, 64, 128)  # of the one step that fills the optimizer's state
    run = runner('segmentation', 'all', size, True, dict(search=dict(input_shape=(512, 1024))))
    step(run, make_batch('segmentation', *size))
    found = {**events(run, rounds), **target(run, rounds)}
    clean(dict(run=run))
    return found


def graph(rounds: int) -> dict[str, Any]:
    """Return the events of a network whose channels were followed (ResNet-18), next to a step."""
    size = (8, 224, 224)
    run = runner('classification', 'none', size, True, dict(search=dict(units='graph')),
                 model=dict(type='BenchmarkResNet'))
    batch = make_batch('classification', *size)
    step(run, batch)
    steps = Stopwatch()
    for _ in range(3):
        with steps.part('a training step of 8x224x224'):
            step(run, batch)
    found = {**steps.summary(), **events(run, rounds)}
    clean(dict(run=run))
    return found


def events(run: Runner, rounds: int) -> dict[str, Any]:
    """Return a prune, a lift and a search, with their parts."""
    watch, start = Stopwatch(), Start(run)
    prune, search = find_hook(run, PruneHook), find_hook(run, SearchHook)
    for number in range(rounds + 1):
        with watch.watching(PRUNE), watch.part('prune'):
            prune.draw(run, 1, 0.9)
        with watch.part('reactivation'):
            prune.lift(run, 1)
        prune.draw(run, 1, 0.9)
        weaken(run, number)
        with watch.watching(SEARCH), watch.part('search'):
            search.search(run, 10)
        start.restore()
    return watch.summary(skip=1)


def target(run: Runner, rounds: int) -> dict[str, Any]:
    """Return the choice of units where a target asks for half of those that could go."""
    watch, searcher = Stopwatch(), find_hook(run, SearchHook).searcher
    model = unwrap(run)
    wanted = searcher_module.SearchTarget(macs=(1 - SHARE / 2) * searcher.costs(model)['macs'])
    weaken(run)
    groups = find_units(model)
    importance = searcher_module.importances(groups, None)
    for _ in range(min(rounds, 3)):
        with watch.part('choice of units by a target'):
            searcher.target = wanted
            searcher.choose(model, groups, importance)
    return watch.summary()


@torch.no_grad()
def weaken(run: Runner, seed: int = 0) -> None:
    """Make a share of each group's units unimportant; other ones, and numbers, for each seed."""
    generator = torch.Generator().manual_seed(seed)
    for group, copied in zip(*(find_units(m).values() for m in models(run)), strict=True):
        weak = (torch.rand(len(group), generator=generator) < SHARE).nonzero().flatten()
        for side in (group, copied):
            for scale in side.scales:
                scale.parameter.index_fill_(scale.dim, scale.index[weak].flatten(), 0)
            if not side.scales:
                side.gamma[weak] = 0.


@MODELS.register_module()
class BenchmarkResNet(BaseModel):
    """Is torchvision's ResNet-18 with cross-entropy: nothing in it knows of a search."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = torchvision.models.resnet18()

    def forward(self, inputs: Tensor, labels: Tensor | None = None, mode: str = 'tensor') -> Any:
        out = self.backbone(inputs)
        return dict(loss=nn.functional.cross_entropy(out, labels)) if mode == 'loss' else out


class Start:
    """Remembers a run's network, average and optimizer, and brings them back.

    Args:
        run (Runner): Without masks in force.
    """

    def __init__(self, run: Runner):
        self.run, self.states = run, [_copies(model.state_dict()) for model in models(run)]
        self.optimizer = {p: copy.deepcopy(state)
                          for p, state in run.optim_wrapper.optimizer.state.items()}
        self.searcher = copy.deepcopy(find_hook(run, SearchHook).searcher.state())

    def restore(self) -> None:
        """Bring everything back; the network takes its shapes from the state."""
        hook, wrapper = find_hook(self.run, SearchHook), self.run.optim_wrapper
        wrapper.masks, wrapper.returned = {}, {}
        for model, state in zip(models(self.run), self.states, strict=True):
            model.load_state_dict(_copies(state))
        wrapper.optimizer.state.update({p: copy.deepcopy(s) for p, s in self.optimizer.items()})
        hook.searcher.survivors = copy.deepcopy(self.searcher['survivors'])
        hook._follow(self.run)
        gc.collect()  # what lives long now is not looked at again in an event


def _copies(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in state.items()}


# --------------------------------------------------------------------------------- stop watches


#: Parts of events: what they are called, who has the function, and its name.
SEARCH = [('search: units found', searcher_module, 'find_units'),
          ('search: importances', searcher_module, 'importances'),
          ('search: histogram', searcher_module, 'importance_histogram'),
          ('search: choice', Searcher, 'choose'),
          ('search: tensors cut', Cut, '__call__'),
          ('search: costs', NetworkCosts, '__call__'),
          ('search: penalty', Searcher, 'penalty')]
PRUNE = [('prune: weights found', mask_hook_module, 'prunable_weights'),
         ('prune: scores', pruner_module, 'scores_of'),
         ('prune: mask drawn', scope_allocation, 'draw_mask'),
         ('prune: put in force', MaskInForce, 'put'),
         ('prune: masks set', MaskedStep, 'set_masks')]


class Stopwatch:
    """Adds up the processor time of parts, round by round."""

    def __init__(self) -> None:
        self.rounds: dict[str, list[float]] = defaultdict(list)
        self._sums: dict[str, float] | None = None

    @contextlib.contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Time the block as one round of ``name``."""
        start = time.process_time()
        yield
        self.rounds[name].append(time.process_time() - start)

    @contextlib.contextmanager
    def watching(self, parts: list[tuple[str, Any, str]]) -> Iterator[None]:
        """Time all calls of functions as one round each."""
        sums: dict[str, float] = {name: 0. for name, _, _ in parts}
        kept = [(owner, key, vars(owner)[key]) for _, owner, key in parts]
        for (name, owner, key), (_, _, function) in zip(parts, kept, strict=True):
            setattr(owner, key, _timed(function, name, sums))
        try:
            yield
        finally:
            for owner, key, function in kept:
                setattr(owner, key, function)
        for name, total in sums.items():
            self.rounds[name].append(total)

    def summary(self, skip: int = 0) -> dict[str, dict[str, float]]:
        """Return least and median milliseconds of each part, without the first rounds."""
        return {name: dict(least_ms=1e3 * min(times[skip:]),
                           median_ms=1e3 * statistics.median(times[skip:]))
                for name, times in self.rounds.items()}


def _timed(function: Callable[..., Any], name: str,
           sums: dict[str, float]) -> Callable[..., Any]:
    def timed(*args: Any, **kwargs: Any) -> Any:
        start = time.process_time()
        try:
            return function(*args, **kwargs)
        finally:
            sums[name] += time.process_time() - start

    return timed


# ------------------------------------------------------------------------------------ the record


def markdown(sections: dict[str, Any]) -> str:
    """Return the record for people."""
    lines = ['# Events', '', 'Milliseconds of processor time of a search that removes a fifth of '
             'the units (without recalibration), of a prune, and of their parts.']
    for name, found in sections.items():
        where = found['machine']
        rows = [(part, f'{t["least_ms"]:.1f}', f'{t["median_ms"]:.1f}')
                for part, t in found['times'].items()]
        lines += ['', f'## {TITLES[name]}', '']
        lines += table(('event or part', 'least', 'median'), rows)
        lines += ['', f'`{found["command"]}` on {where["cpu"]}, {where["cores"]} cores, torch '
                  f'{where["torch"]}, load average {found["load"]}.']
    return '\n'.join(lines) + '\n'


SECTIONS: dict[str, Callable[[int], dict[str, Any]]] = dict(supernet=supernet, graph=graph)
TITLES = dict(supernet='Supernet of Cityscapes at full width, with Transformers',
              graph='ResNet-18, whose channels were followed')

if __name__ == '__main__':
    sys.exit(main())
