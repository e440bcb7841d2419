"""Measures for ``benchmarks/gpu.py`` the rivals that torch has to this project's graphs."""
import argparse
from collections.abc import Callable

import torch
from captured import Failed, check_captured, graphed_parts
from foreach_form import ForeachTraining
from gpu_parts import WARMUP, Case, seconds
from pairing import measure, summary
from torch import Tensor, nn
from training_forms import form
from training_tasks import DEVICE, TIME, BenchmarkNetwork, make_batch

#: Training in a rival's form, and a function that fails where it ran without graphs.
Rival = tuple[ForeachTraining, Callable[[], None]]


class Body(nn.Module):
    """Joins backbone and neck: a tensor goes in, a tensor comes out."""

    def __init__(self, model: BenchmarkNetwork):
        super().__init__()
        self.backbone, self.neck = model.backbone, model.neck

    def forward(self, image: Tensor) -> Tensor:
        return self.neck(self.backbone(image))[0]


def rivals(case: Case, rival: str) -> dict:
    """Measure a two-in-one step of 2x256x512 by this project's graphs, and by a rival's.

    Raises:
        Failed: One of them ran without graphs.
    """
    size = case.size(2, 256, 512)
    args = argparse.Namespace(task='segmentation', transformer='all', size=size,
                              network=case.network)
    batch = make_batch('segmentation', *size)
    ways: dict[str, Callable[[], Rival]] = {
        'this project\'s graphs': lambda: own_graphs(args),
        'without graphs': lambda: (form(args, False, True, 'all'), lambda: None)}
    skipped = []
    if DEVICE == 'cuda':
        ways[rival] = lambda: RIVALS[rival](args, batch['inputs'])
    else:
        skipped.append(f'{rival} needs a GPU')
    trainings, checks, values = {}, [], {}
    for name, way in ways.items():
        def begin(name=name, way=way):
            trainings[name], check = way()
            checks.append(check)
            for _ in range(WARMUP):
                trainings[name].step(batch)
        values[f'{name}: built, with its first {WARMUP} steps (s)'] = seconds(begin)
    times = measure({name: lambda t=t: t.step(batch) for name, t in trainings.items()},
                    case.rounds)
    for check in checks:
        check()
    return dict(steps=summary(times, 'without graphs', TIME), values=values, skipped=skipped)


def own_graphs(args: argparse.Namespace) -> Rival:
    """Return training by this project's graphs."""
    training = form(args, False, True, 'all', graph=DEVICE == 'cuda')
    return training, lambda: check_captured(graphed_parts(training.model))


def graphed_callables(args: argparse.Namespace, image: Tensor) -> Rival:
    """Return training by ``torch.cuda.make_graphed_callables``."""
    training = form(args, False, True, 'all')
    body = torch.cuda.make_graphed_callables(Body(training.model), (image, ))

    def check() -> None:
        if 'forward' not in vars(body) or not body.training:  # in this mode it was captured
            raise Failed('torch.cuda.make_graphed_callables ran without a CUDA graph')

    training.loss = loss_by(body)
    return training, check


def reduced_overhead(args: argparse.Namespace, image: Tensor) -> Rival:
    """Return training by ``torch.compile`` with its own graphs, of torch's layers."""
    training = form(args, False, True, 'none')
    body = torch.compile(Body(training.model), mode='reduce-overhead')

    def forward(image: Tensor) -> Tensor:
        torch.compiler.cudagraph_mark_step_begin()
        return body(image)

    training.loss = loss_by(forward)
    return training, check_compiled


RIVALS: dict[str, Callable[[argparse.Namespace, Tensor], Rival]] = {
    'torch.cuda.make_graphed_callables': graphed_callables,
    'torch.compile(mode=\'reduce-overhead\')': reduced_overhead}


def loss_by(body: Callable[[Tensor], Tensor]) -> Callable:
    """Return a loss of the network whose backbone and neck are ``body``."""
    return lambda model, batch: model.loss(model.classifier(body(batch['inputs'])),
                                           batch['labels'])


def check_compiled() -> None:
    """Raise where torch.compile has skipped its graphs, or has recorded none.

    Raises:
        Failed: It has.
    """
    skips = torch._dynamo.utils.counters['inductor']['cudagraph_skips']
    if skips:
        raise Failed(f'torch.compile ran {skips} parts without a CUDA graph')
    if not recorded_graphs():
        raise Failed('torch.compile has recorded no CUDA graph')


def recorded_graphs() -> int:
    """Return how many forward passes torch.compile holds as CUDA graphs on the first GPU."""
    from torch._inductor import cudagraph_trees
    manager = cudagraph_trees.get_manager(0, create_if_none_exists=False)
    return 0 if manager is None else sum(map(len, manager.roots.values()))
