"""Compares penalty, masks, averages and optimizer over many tensors with the same in flat storage.

    python benchmarks/flat_storage.py                 # full-width supernet of Cityscapes
    python benchmarks/flat_storage.py --width 0.1 --rounds 3

In flat storage all parameters are views of one tensor, and so are gradients, masks, averages and
moments: each operation is one kernel. But gradients are then added to that tensor, which has to be
zeroed, where autograd otherwise hands over its own; that is a row too. The record is
``benchmarks/results/flat_storage.json`` and ``.md``.
"""
import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault('OMP_NUM_THREADS', '1')  # before torch is loaded

import torch
from machine import machine
from pairing import load, measure, summary
from torch import Tensor, nn
from training_report import table
from training_tasks import TIME, network

from mmst.pruning.prunable import prunable_weights
from mmst.pruning.reactivation import mask_gradients, prune_state, zero_pruned
from mmst.search.penalty import L1Penalty
from mmst.search.units import find_units

RESULTS = Path(__file__).resolve().parent / 'results' / 'flat_storage.json'
RHO, MOMENTUM = 1.4e-4, 1e-4
#: A part of a step to the function that does it.
Parts = dict[str, Callable[[], object]]


def main() -> int:
    """Measure and write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--width', type=float, default=1., help='factor on all channels')
    parser.add_argument('--rounds', type=int, default=21)
    args = parser.parse_args()
    torch.set_num_threads(1)
    groups = parameter_groups(network('segmentation', 'all', args.width))
    found = dict(vars(args), parts=compare(groups, args.rounds), machine=machine(), load=load(),
                 tensors=sum(map(len, groups)), values=sum(t.numel() for g in groups for t in g))
    RESULTS.write_text(json.dumps(found, indent=2) + '\n')
    RESULTS.with_suffix('.md').write_text(markdown(found))
    print(markdown(found))
    return 0


def parameter_groups(model: nn.Module) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    """Return the importance factors, the weights that are pruned, and the other parameters."""
    scales = [group.gamma for group in find_units(model).values()]
    pruned = list(prunable_weights(model).values())
    known = {id(t) for t in (*scales, *pruned)}
    return scales, pruned, [p for p in model.parameters() if id(p) not in known]


@torch.no_grad()
def compare(groups: Sequence[list[Tensor]], rounds: int) -> dict[str, Any]:
    """Return the times of each part of a step in both forms, and the most that they differ."""
    torch.manual_seed(1)
    gradients = [torch.randn_like(t) for group in groups for t in group]
    masks = [torch.rand_like(t) < 0.5 for t in groups[1]]
    (ours, many), (theirs, flat) = (form(groups, gradients, masks)
                                    for form in (many_tensors, flat_storage))
    found: dict[str, Any] = {}
    for part, run in many.items():
        found[part] = summary(measure(dict(many=run, flat=flat[part]), rounds), 'many', TIME)
        joined = torch.cat([t.flatten() for t in ours])
        found[part]['difference'] = float((joined - theirs).abs().max())
        theirs.copy_(joined)
    return found


def many_tensors(groups: Sequence[list[Tensor]], gradients: list[Tensor], masks: list[Tensor]
                 ) -> tuple[list[Tensor], Parts]:
    """Return parameters, and the parts of a step as this project does them."""
    own = [nn.Parameter(t.clone()) for group in groups for t in group]
    averages, new = [t.clone() for t in own], [t.clone() for t in gradients]
    for parameter, gradient in zip(own, gradients, strict=True):
        parameter.grad = gradient.clone()
    scales = own[:len(groups[0])]
    penalty = L1Penalty(scales, [torch.ones_like(s) for s in scales], RHO)
    state = prune_state(dict(zip(own[len(scales):], masks, strict=False)))
    adamw = torch.optim.AdamW(own, lr=1e-4, eps=1e-3, fused=True)

    def mask() -> None:
        mask_gradients(state)
        zero_pruned(state)

    def hand_over() -> None:
        for parameter, gradient in zip(own, new, strict=True):
            parameter.grad = gradient

    return own, {'penalty': penalty.add_gradients, 'masks': mask,
                 'averages': lambda: torch._foreach_lerp_(averages, own, MOMENTUM),
                 'optimizer': adamw.step, 'gradients of a backward pass': hand_over}


def flat_storage(groups: Sequence[list[Tensor]], gradients: list[Tensor], masks: list[Tensor]
                 ) -> tuple[Tensor, Parts]:
    """Return all parameters as one, and the parts of a step on it."""
    own = nn.Parameter(torch.cat([t.flatten() for group in groups for t in group]))
    averages, own.grad = own.detach().clone(), torch.cat([t.flatten() for t in gradients])
    new = own.grad.clone().split([t.numel() for t in gradients])
    views = own.grad.split([t.numel() for t in gradients])
    factors, pruned = (sum(t.numel() for t in group) for group in groups[:2])
    part, both = slice(0, factors), slice(factors, factors + pruned)
    costs = torch.ones(factors, device=own.device)
    # As wide as the weights: bits of another type would be copied to memory of their size first.
    kept = torch.cat([t.flatten() for t in masks]).int().sub_(1)
    adamw = torch.optim.AdamW([own], lr=1e-4, eps=1e-3, fused=True)

    def mask() -> None:
        for values in (own.grad, own):
            values[both].view(torch.int32).bitwise_and_(kept)

    def penalty() -> None:
        own.grad[part].add_(own[part].sign().mul_(costs), alpha=RHO)

    def accumulate() -> None:
        own.grad.zero_()
        for view, gradient in zip(views, new, strict=True):
            view.add_(gradient)

    return own, {'penalty': penalty, 'masks': mask,
                 'averages': lambda: averages.lerp_(own, MOMENTUM), 'optimizer': adamw.step,
                 'gradients of a backward pass': accumulate}


def markdown(found: dict[str, Any]) -> str:
    """Return the record for people."""
    parts = found['parts']
    rows = [(name, *(f'{own[form]["ms"]:.2f}' for form in ('many', 'flat')),
             f'{own["many"]["ms"] - own["flat"]["ms"]:+.2f}', f'{own["difference"]:.0e}')
            for name, own in parts.items()]
    sums = [sum(own[form]['ms'] for own in parts.values()) for form in ('many', 'flat')]
    rows.append(('all', *(f'{s:.2f}' for s in sums), f'{sums[0] - sums[1]:+.2f}', ''))
    where = found['machine']
    return '\n'.join([
        '# Flat storage', '', f'Milliseconds of a step, medians of {found["rounds"]} interleaved '
        f'rounds, for {found["tensors"]:,} tensors of {found["values"]:,} parameters.', '',
        *table(('part', 'many tensors', 'flat', 'gain', 'most that a weight differs'), rows), '',
        f'`python benchmarks/flat_storage.py --width {found["width"]:g} --rounds '
        f'{found["rounds"]}` on {where["cpu"]}, {where["cores"]} cores, torch {where["torch"]}, '
        f'load average {found["load"]}.']) + '\n'


if __name__ == '__main__':
    sys.exit(main())
