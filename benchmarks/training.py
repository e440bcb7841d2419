"""Measures a training step: two-in-one over plain training, this form over the paper's.

    python benchmarks/training.py                     # segmentation 2x256x512, Transformers on
    python benchmarks/training.py --task classification --transformer none --rounds 5
    python benchmarks/training.py --only events memory --size 2 128 256

Candidates run in turn, so that ratios survive other work on the machine; ratios are of processor
time, on a GPU of the clock's. ``--only ladder --rungs ...`` picks changes where all of them take
too long. On a GPU trainings are as shipped, by CUDA graphs. Results are added to
``benchmarks/results/training.json`` and ``.md``, next to those of other tasks, sizes and sections.
Run it before and after a change and compare the records.
"""
import argparse
import ctypes
import json
import os
import shlex
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

os.environ.setdefault('OMP_NUM_THREADS', '1')  # before torch is loaded

import torch
from captured import check_captured, graphed_parts, graphs
from foreach_form import ForeachTraining
from machine import machine
from pairing import load, measure, summary
from published_form import PublishedTraining
from training_forms import RUNGS, WITHOUT_BN, form, published_training
from training_report import markdown
from training_tasks import DEVICE, SIZES, TIME, clean, make_batch, runner, step

from mmst.engine import PruneHook, SearchHook
from mmst.engine.run import memory
from mmst.engine.run.runner_views import averaged_model, find_hook, unwrap
from mmst.kernels.graphed import PAYS
from mmst.pruning.reactivation import mask_gradients, zero_pruned
from mmst.search.units import find_units

RESULTS = Path(__file__).resolve().parent / 'results' / 'training.json'


def main() -> int:
    """Measure the chosen parts and write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--task', choices=SIZES, default='segmentation')
    parser.add_argument('--transformer', choices=('all', 'none'), default='all')
    parser.add_argument('--size', type=int, nargs=3, metavar=('N', 'H', 'W'),
                        help='images, height and width')
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--rungs', nargs='+', choices=[*WITHOUT_BN, *RUNGS], default=list(RUNGS),
                        help='of the ladder, where all of them take too long')
    parser.add_argument('--only', nargs='+', choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument('--peak-of', choices=[*PEAKS, *BN_PEAKS], help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.size = tuple(args.size or SIZES[args.task])
    torch.set_num_threads(args.threads)
    if args.peak_of:
        return print_peak(args)
    for name in args.only:
        record(args, name, SECTIONS[name](args))
    print(RESULTS.with_suffix('.md').read_text())
    return 0


def record(args: argparse.Namespace, section: str, found: dict) -> None:
    """Add one section's result to the others."""
    cases = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    case = f'{args.task} {"x".join(map(str, args.size))}, Transformers: {args.transformer}'
    case += ', GPU' if DEVICE == 'cuda' else ''
    command = (f'python benchmarks/training.py --task {args.task} --transformer '
               f'{args.transformer} --size {shlex.join(map(str, args.size))} --rounds '
               f'{args.rounds} --threads {args.threads} --only {section}')
    if section == 'ladder' and args.rungs != list(RUNGS):
        section, command = 'ladder, ends', f'{command} --rungs {shlex.join(args.rungs)}'
    cases.setdefault(case, {})[section] = dict(
        found, command=command, device=DEVICE, machine=machine(), load=load())
    RESULTS.write_text(json.dumps(cases, indent=2) + '\n')
    RESULTS.with_suffix('.md').write_text(markdown(cases))


# ------------------------------------------------------------- two-in-one over plain training


def overhead(args: argparse.Namespace) -> dict:
    """Return a step with all hooks, half of the weights masked, over one of plain training."""
    runners = dict(plain=runner(args.task, args.transformer, args.size, False),
                   two_in_one=runner(args.task, args.transformer, args.size, True))
    batch = make_batch(args.task, *args.size)
    find_hook(runners['two_in_one'], PruneHook).draw(runners['two_in_one'], 1, 0.5)
    times = measure({name: lambda r=r: step(r, batch) for name, r in runners.items()}, args.rounds,
                    WARMUP)
    for run in runners.values():
        check_captured(graphs(run))
    found = dict(steps=summary(times, 'plain', TIME),
                 own_ms=statistics.median(own_cost(runners['two_in_one']) for _ in range(7)))
    clean(runners)
    return found


def own_cost(run) -> float:
    """Return the milliseconds that two-in-one training adds to a step, called by itself."""
    ema, hook = averaged_model(run), find_hook(run, SearchHook)

    def extras():
        hook.before_train_iter(run, 0)
        run.optim_wrapper.adjust_gradients()
        zero_pruned(run.optim_wrapper.masks)
        ema.update_parameters(unwrap(run))

    run.optim_wrapper.optimizer.zero_grad()
    for p in unwrap(run).parameters():
        p.grad = torch.zeros_like(p)
    return summary(measure(dict(extras=extras), 1, 0), 'extras', TIME)['extras']['ms']


def events(args: argparse.Namespace) -> dict:
    """Measure a prune and a search (a fifth of the units goes) next to a step."""
    run = runner(args.task, args.transformer, args.size, True)
    batch = make_batch(args.task, *args.size)
    prune, search = find_hook(run, PruneHook), find_hook(run, SearchHook)

    def weaken():
        for group, copy in zip(find_units(unwrap(run)).values(),
                               find_units(averaged_model(run).module).values(), strict=True):
            weak = (torch.rand(len(group)) < 0.2).to(group.gamma.device)
            group.gamma.data[weak] = copy.gamma.data[weak] = 0.

    def prepare(name):
        # The search has changed the network. As many as a graph needs to be worth its capture: soon
        # dropped ones make later ones wait.
        for _ in range(WARMUP + PAYS if name == 'step' and DEVICE == 'cuda' else 0):
            step(run, batch)

    candidates = dict(step=lambda: step(run, batch), prune=lambda: prune.draw(run, 1, 0.9),
                      lift=lambda: prune.lift(run, 1), weaken=weaken,
                      search=lambda: search.search(run, 10))
    times = measure(candidates, args.rounds, prepare=prepare)
    check_captured(graphs(run))
    found = summary(times, 'step', TIME)
    clean(dict(run=run))
    del found['weaken'], found['lift']
    return dict(steps=found)


def peak_memory(args: argparse.Namespace) -> dict:
    """Return the peak memory of a process that trains, in MiB; on a GPU of what its allocator
    holds.
    """
    return dict(peak_mib=peaks(args, PEAKS[:2] if DEVICE == 'cuda' else PEAKS))


def bn_memory(args: argparse.Namespace) -> dict:
    """Return the peaks of a CPU's process that trains without the BN kernel and with it."""
    return dict(peak_mib=peaks(args, BN_PEAKS))


def peaks(args: argparse.Namespace, kinds: Sequence[str]) -> dict[str, float]:
    """Return the peak of a process of its own for each kind, in MiB."""
    found = {}
    for kind in kinds:
        command = [sys.executable, '-W', 'ignore', __file__, '--task', args.task, '--transformer',
                   args.transformer, '--size', *map(str, args.size), '--threads',
                   str(args.threads), '--peak-of', kind]
        found[kind] = float(subprocess.run(command, check=True, text=True,
                                           stdout=subprocess.PIPE).stdout.split()[-1])
    return found


def print_peak(args: argparse.Namespace) -> int:
    """Print the peak: ``peak_memory`` starts this."""
    if args.peak_of in BN_PEAKS:
        training = form(args, **{**WITHOUT_BN, **RUNGS}[args.peak_of])
        for _ in range(2):
            training.step(make_batch(args.task, *args.size))
        return print_most_resident()
    both = args.peak_of != 'plain'
    run = runner(args.task, args.transformer, args.size, both,
                 dict(fast=dict(keep_memory='returned' not in args.peak_of)))
    if both:
        find_hook(run, PruneHook).draw(run, 1, 0.5)
    for _ in range(1 + WARMUP):
        step(run, make_batch(args.task, *args.size))
    check_captured(graphs(run))
    clean(dict(run=run))
    if DEVICE == 'cuda':
        print(torch.cuda.max_memory_reserved() / 2**20)
        return 0
    return print_most_resident()


def print_most_resident() -> int:
    """Print this process's largest share of memory, in MiB."""
    # Not getrusage: its maximum begins with that of the process that started this one.
    status = dict(line.split(':', 1) for line in Path('/proc/self/status').read_text().splitlines())
    print(float(status['VmHWM'].split()[0]) / 1024)
    return 0


# ---------------------------------------------------------- this project's form over the paper's


def ladder(args: argparse.Namespace) -> dict:
    """Return the changes from the published form to this project's, one after the other."""
    known = {**WITHOUT_BN, **RUNGS}
    steps = {name: form(args, **known[name]) if known[name] else published_training(args)
             for name in known if name in args.rungs}
    batch = make_batch(args.task, *args.size)
    candidates = {name: lambda t=t: t.step(batch) for name, t in steps.items()}

    def prepare(name):
        if DEVICE == 'cuda':
            return
        if name.endswith('memory kept'):
            memory.keep_freed_memory()
            candidates[name]()  # takes its pages
        else:
            release_memory()

    times = measure(candidates, args.rounds, WARMUP, prepare)
    for name, training in steps.items():
        if known[name].get('graph'):
            check_captured(graphed_parts(training.model))
    return dict(steps=summary(times, next(iter(steps)), TIME))


def release_memory() -> None:
    """Restore glibc's own ways: freed memory goes back to the system."""
    memory._set_thresholds(128 * 1024, 128 * 1024)
    ctypes.CDLL(None).malloc_trim(0)


def extras(args: argparse.Namespace) -> dict:
    """Return the five costs that do not depend on the images, in both forms."""
    theirs, ours = published_training(args), form(args, False, True, 'none')
    for training in (theirs, ours):
        for p in training.model.parameters():
            p.grad = torch.full_like(p, 1e-6)
    candidates = {**published_extras(theirs), **foreach_extras(ours)}
    times = summary(measure(candidates, max(args.rounds, 5)), next(iter(candidates)), TIME)
    table: dict[str, dict] = defaultdict(dict)
    for name, found in times.items():
        what, which = name.split(', ')
        table[what][which] = found['ms']
    return dict(extras=table)


def published_extras(training: PublishedTraining) -> dict[str, Callable]:
    """Return calls of the five costs, in the published form."""
    masked = [m for m in training.model.modules() if hasattr(m, 'mask')]

    def products():
        torch.autograd.backward([m.weight * m.mask for m in masked],
                                [torch.ones_like(m.mask) for m in masked])

    return {'L1 penalty, published': lambda: training.penalty().backward(),
            'weight decay, published': lambda: training.decay_term().backward(),
            'averages, published': training.average,
            'masks, published': products,
            'optimizer, published': training.optimizer.step}


def foreach_extras(training: ForeachTraining) -> dict[str, Callable]:
    """Return the same in this project's form; the optimizer includes weight decay."""
    wrapper = training.wrapper

    def masks():
        mask_gradients(wrapper.masks)
        zero_pruned(wrapper.masks)

    return {'L1 penalty, foreach': wrapper.penalty.add_gradients,
            'averages, foreach': training.average,
            'masks, foreach': masks,
            'optimizer, foreach': wrapper.optimizer.step}


# --------------------------------------------------------------------------------- a profile


def profile(args: argparse.Namespace) -> dict:
    """Return the share of a step's processor time, or GPU's, by operator, without and with the
    kernels.
    """
    batch, found = make_batch(args.task, *args.size), {}
    for name, kernel in (('torch', 'none'), ('kernel', 'all')):
        training = form(args, False, True, kernel)
        training.step(batch)
        with torch.profiler.profile(activities=[ACTIVITY]) as profiler:
            training.step(batch)
            torch.cuda.synchronize() if DEVICE == 'cuda' else None
        events_ = [(event.self_device_time_total if DEVICE == 'cuda' else event.self_cpu_time_total,
                    event.key, event.count) for event in profiler.key_averages()]
        total = sum(took for took, _, _ in events_)
        shares = sorted(((took / total, *which) for took, *which in events_), reverse=True)[:15]
        found[name] = dict(
            milliseconds=total / 1e3, calls=sum(count for took, _, count in events_ if took),
            operators=[dict(operator=key[:80], share=share, calls=count)
                       for share, key, count in shares])
    return dict(profiles=found)


ACTIVITY = getattr(torch.profiler.ProfilerActivity, DEVICE.upper())
#: Steps that are not counted: kernels are built, graphs captured.
WARMUP = 2 if DEVICE == 'cuda' else 1
#: Runs that ``peak_memory`` compares.
PEAKS = ('plain', 'two-in-one', 'two-in-one, memory returned')
BN_PEAKS = ('products', 'products, BN kernel')
SECTIONS: dict[str, Callable[[argparse.Namespace], dict]] = dict(
    overhead=overhead, events=events, memory=peak_memory, ladder=ladder, extras=extras,
    profile=profile, bn_memory=bn_memory)

if __name__ == '__main__':
    sys.exit(main())
