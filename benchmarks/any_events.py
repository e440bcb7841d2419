"""Compare the time of a search of official networks with that of a training step.

    python benchmarks/any_events.py [--batch 32] [--out benchmarks/results/any_events]

Processor time of one thread, so that other work on the machine does not count. A search removes
every tenth unit of each group, with an optimizer whose state is cut; recalibration is left out. The
channels are followed once, before training.
"""
import argparse
import copy
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from any_network import build
from machine import machine
from torch import nn

from mmst.costs.network_costs import NetworkCosts
from mmst.search.graph.build import find_plan
from mmst.search.graph.channels import attach
from mmst.search.searcher import Searcher
from mmst.search.units import find_units

NETWORKS = [('mmpretrain', 'resnet/resnet18_8xb32_in1k'),
            ('mmpretrain', 'mobilenet_v2/mobilenet-v2_8xb32_in1k')]
SIZE, ROUNDS = (224, 224), 3


def measure(toolbox: str, path: str, batch: int) -> dict[str, Any]:
    """Return seconds of following the channels, of a training step and of a search."""
    model = build(toolbox, path).train()
    found: dict[str, Any] = dict(trace=seconds(lambda: attach(model, find_plan(model, SIZE))))
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
    images = torch.randn(batch, 3, *SIZE, generator=torch.Generator().manual_seed(0))

    def step() -> None:
        optimizer.zero_grad()
        model(images, None)[0].square().mean().backward()
        optimizer.step()

    step()
    found['step'] = statistics.median(seconds(step) for _ in range(ROUNDS))
    searcher = Searcher(NetworkCosts(SIZE))
    searcher.begin(model)
    averaged, times = copy.deepcopy(model), []
    for _ in range(ROUNDS):
        weaken(model)
        weaken(averaged)
        times.append(seconds(lambda: search(searcher, model, averaged, optimizer)))
    found['search'] = statistics.median(times)
    return dict(found, steps=found['search'] / found['step'], batch=batch, machine=machine())


def search(searcher: Searcher, model: nn.Module, averaged: nn.Module,
           optimizer: torch.optim.Optimizer) -> None:
    """Search once and renew the penalty, as the hook does."""
    result = searcher.step(model, averaged, (optimizer, ))
    assert result.removed
    searcher.penalty(model)


@torch.no_grad()
def weaken(model: nn.Module) -> None:
    """Let every tenth unit of each group lose its importance."""
    for group in find_units(model).values():
        for scale in group.scales:
            scale.parameter.index_fill_(scale.dim, scale.index[::10].flatten(), 0)


def seconds(run: Callable[[], Any]) -> float:
    """Return the processor time of a call."""
    start = time.process_time()
    run()
    return time.process_time() - start


def table(results: dict[str, dict[str, Any]]) -> str:
    """Return the times as a table in Markdown."""
    rows = ['| network | following the channels, once (s) | training step (s) | search (s) '
            '| search, in steps |', '| --- | ---: | ---: | ---: | ---: |']
    rows += [f'| {name}, {found["batch"]} images | {found["trace"]:.2f} | {found["step"]:.2f} | '
             f'{found["search"]:.2f} | {found["steps"]:.2f} |' for name, found in results.items()]
    return '\n'.join(rows) + '\n'


def main() -> None:
    """Measure and write the record."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--batch', type=int, default=32)
    parser.add_argument('--out', default='benchmarks/results/any_events')
    args = parser.parse_args()
    torch.set_num_threads(1)
    results = {path.rpartition('/')[2]: measure(toolbox, path, args.batch)
               for toolbox, path in NETWORKS}
    Path(f'{args.out}.json').write_text(json.dumps(results, indent=1) + '\n')
    Path(f'{args.out}.md').write_text(table(results))
    print(table(results))


if __name__ == '__main__':
    main()
