"""Carries ``mmst accelerator`` out."""
import argparse
from pathlib import Path

import torch
from torch import nn

from ..costs.table import render
from ..deploy.compact import is_compact
from ..deploy.open import check_shape, open_ticket
from ..deploy.ticket_cost import kept_weights, network_cost
from ..lab.accelerator.settings import Sigma
from ..lab.accelerator.sigma import network_time, products
from ..settings.shape import first_shape
from ..tickets import Ticket


def run(args: argparse.Namespace) -> None:
    """Print the table."""
    asked = check_shape(args.shape)
    sigma = Sigma(args.rows, args.columns, args.frequency, bandwidth=args.bandwidth, word=args.word)
    rows, slowest = [], []
    for path in args.tickets:
        ticket = open_ticket(path)
        shape = first_shape(asked, ticket.meta.get('input_shape'))
        short = '/'.join(Path(path).absolute().parts[-2:])  # whole paths would not fit a column
        found, times = ticket_rows(ticket, shape, sigma)
        rows += [(f'{short}, {shape[0]}x{shape[1]}: {label}', *row) for label, *row in found]
        slowest += sorted(times, key=lambda t: -t.seconds)[:10]
    title = (f'{sigma.rows}x{sigma.columns} multipliers, {sigma.frequency / 1e6:g} MHz, '
             f'{sigma.bandwidth / 1e9:g} GB/s (model of SIGMA)')
    print(render(title, ['network', 'params (M)', 'FLOPs (GMACs)', 'GPU FPS', 'accelerator (ms)'],
                 rows, width=130))
    if args.layers:
        print(render('slowest layers of each ticket', ['layer', 'computing (ms)', 'memory (ms)'],
                     [(t.name, f'{1000 * t.computing:.4f}', f'{1000 * t.memory:.4f}')
                      for t in slowest], width=120))


def ticket_rows(ticket: Ticket, shape: tuple[int, int], sigma: Sigma) -> tuple[list, list]:
    """Return rows of the table for a ticket before and after pruning, and the times of its layers.

    Weights count as for ``mmst cost``: all of a layer's where it has no mask.
    """
    model = ticket.build()
    masked = kept_weights(ticket, model)
    dense = {f'{name}.weight': torch.ones_like(m.weight, dtype=torch.bool)
             for name, m in model.named_modules() if isinstance(m, (nn.Conv2d, nn.Linear))}
    kept = {name: masked.get(name, ones) for name, ones in dense.items()}
    costs = network_cost(model, shape, masked).total()
    before = 'compact, dense' if is_compact(ticket) else 'searched, dense'
    pruned = 1 - sum(int(k.sum()) for k in masked.values()) / max(
        sum(k.numel() for k in masked.values()), 1)
    rows = []
    for label, mask, params, macs in ((before, dense, 'params', 'macs'),
                                      (f'ticket, {pruned:.0%}', kept, 'nonzero', 'sparse_macs')):
        seconds, times = network_time(products(model, shape, mask), sigma)
        rows.append((label, f'{costs[params] / 1e6:.3f}', f'{costs[macs] / 1e9:.4f}',
                     'not measured', f'{1000 * seconds:.2f}'))
    return rows, times
