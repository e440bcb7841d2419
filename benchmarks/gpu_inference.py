"""Measures for ``benchmarks/gpu.py`` what torch offers in place of this project's graphs, and
images a second.
"""
import argparse
import itertools
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from events import weaken
from foreach_form import ForeachTraining
from gpu_parts import WARMUP, Case, Failed, check_captured, seconds
from latency_gpu import ROOT, RUN, dense, measured, measured_compressed
from latency_tickets import SEARCHED
from networks import load_networks
from pairing import measure, summary
from torch import Tensor, nn
from training_forms import form
from training_tasks import DEVICE, TIME, BenchmarkNetwork, clean, make_batch

from mmst.engine import SearchHook
from mmst.engine.run.runner_views import find_hook, unwrapped
from mmst.kernels.graphed import GraphedForward

#: The ticket that is measured next to supernet and searched network.
TICKET = '90% global'


# ------------------------------------------------------------------------ other ways to graphs


class Body(nn.Module):
    """Joins backbone and neck: a tensor goes in, a tensor comes out."""

    def __init__(self, model: BenchmarkNetwork):
        super().__init__()
        self.backbone, self.neck = model.backbone, model.neck

    def forward(self, image: Tensor) -> Tensor:
        return self.neck(self.backbone(image))[0]


def rivals(case: Case, rival: str) -> dict:
    """Measure a two-in-one step of 2x256x512 by this project's graphs, and by a rival's."""
    size = case.size(2, 256, 512)
    args = argparse.Namespace(task='segmentation', transformer='all', size=size,
                              network=case.network)
    batch = make_batch('segmentation', *size)
    ways: dict[str, Callable[[], ForeachTraining]] = {
        'this project\'s graphs': lambda: form(args, False, True, 'all', graph=DEVICE == 'cuda'),
        'without graphs': lambda: form(args, False, True, 'all')}
    skipped = []
    if DEVICE == 'cuda':
        ways[rival] = lambda: RIVALS[rival](args, batch['inputs'])
    else:
        skipped.append(f'{rival} needs a GPU')
    trainings, values = {}, {}
    for name, way in ways.items():
        def begin(name=name, way=way):
            trainings[name] = way()
            for _ in range(WARMUP):
                trainings[name].step(batch)
        values[f'{name}: built, with its first {WARMUP} steps (s)'] = seconds(begin)
    times = measure({name: lambda t=t: t.step(batch) for name, t in trainings.items()},
                    case.rounds)
    parts = trainings['this project\'s graphs'].model.children()
    check_captured([forward for part in parts
                    if isinstance(forward := vars(part).get('forward'), GraphedForward)])
    check_compiled()
    return dict(steps=summary(times, 'without graphs', TIME), values=values, skipped=skipped)


def graphed_callables(args: argparse.Namespace, image: Tensor) -> ForeachTraining:
    """Return training by ``torch.cuda.make_graphed_callables``."""
    training = form(args, False, True, 'all')
    body = torch.cuda.make_graphed_callables(Body(training.model), (image, ))
    training.loss = loss_by(body)
    return training


def reduced_overhead(args: argparse.Namespace, image: Tensor) -> ForeachTraining:
    """Return training by ``torch.compile`` with its own graphs, of torch's layers."""
    training = form(args, False, True, 'none')
    body = torch.compile(Body(training.model), mode='reduce-overhead')

    def forward(image: Tensor) -> Tensor:
        torch.compiler.cudagraph_mark_step_begin()
        return body(image)

    training.loss = loss_by(forward)
    return training


RIVALS = {'torch.cuda.make_graphed_callables': graphed_callables,
          'torch.compile(mode=\'reduce-overhead\')': reduced_overhead}


def loss_by(body: Callable[[Tensor], Tensor]) -> Callable:
    """Return a loss of the network whose backbone and neck are ``body``."""
    return lambda model, batch: model.loss(model.classifier(body(batch['inputs'])),
                                           batch['labels'])


def check_compiled() -> None:
    """Raise where torch.compile has skipped its graphs.

    Raises:
        Failed: It has.
    """
    if '_dynamo' in vars(torch):
        skips = torch._dynamo.utils.counters['inductor']['cudagraph_skips']
        if skips:
            raise Failed(f'torch.compile ran {skips} parts without a CUDA graph')


# -------------------------------------------------------------------------- images a second


def inference(case: Case, forms: Sequence[str]) -> dict:
    """Measure images a second at two sizes, and 2:4 tickets with compressed weights."""
    skipped = []
    if DEVICE == 'cpu':
        skipped = [f'{name} needs a GPU' for name in (*forms, '2:4 compressed')
                   if name not in ('eager', 'TorchScript')]
        forms = [name for name in forms if name in ('eager', 'TorchScript')]
        if not forms:
            return dict(skipped=skipped)
    networks = tiny_networks(case) if case.tiny else shipped_networks()
    rows = []
    sizes = list(dict.fromkeys(case.size(1, *size)[1:] for size in ((512, 1024), (1024, 2048))))
    for size, precision, name in itertools.product(sizes, ('fp32', 'bf16'), forms):
        rows += measured(dense(networks), 1, size, precision, name, case.rounds)
    for name in forms if DEVICE == 'cuda' and not case.tiny else ():
        if name in ('eager', 'CUDA graph'):
            rows += measured_compressed(networks, 1, sizes[0], name, case.rounds)
    return dict(rows=rows, skipped=skipped)


def shipped_networks() -> dict[str, nn.Module]:
    """Return supernet, searched network and tickets of the shipped commands, made if need be."""
    if not Path(SEARCHED).is_file():
        subprocess.run([sys.executable, str(ROOT / 'latency_tickets.py')], check=True)
    tickets = [RUN / 'p90_global.pth', RUN / 'p50_2of4.pth']
    return load_networks(str(ROOT / 'configs/full_width.py'), str(SEARCHED),
                         list(map(str, tickets)), compacted=(TICKET, ))


def tiny_networks(case: Case) -> dict[str, nn.Module]:
    """Return a narrow network before a search and after it."""
    found = {}
    for name in ('supernet', 'searched'):
        run = case.runner(case.size(1, 32, 64))
        if name == 'searched':
            weaken(run)
            find_hook(run, SearchHook).search(run, 10)
        found[name] = unwrapped(run).eval()
        clean(dict(run=run))
    return found
