"""Draws masks of a searched network that may take less and less time, and measures them.

    mmst study sparse_training --size camvid_long --seeds 0 --only cityscapes.search_half
    python benchmarks/timed_masks.py TICKET --table benchmarks/results/camvid_long/table.json

TICKET is dense, e.g. that of a search alone. Each mask is of the same sparsity: one of the largest
weights of the whole network, one of the largest scores by LAMP, one that keeps the same share of
each layer, and those of ``PruneHook.target_ms`` by either criterion, at shares of the time of the
first. All are timed by the sparse engine, by turns. The record goes to
``benchmarks/results/timed_masks.json`` and ``.md``.
"""
import argparse
import copy
import json
import os
import sys
from pathlib import Path

os.environ.setdefault('OMP_NUM_THREADS', '1')  # before torch is loaded

import torch
from machine import machine
from torch import Tensor, nn
from training_report import table as as_table

from mmst.costs.latency.table import LatencyTable
from mmst.costs.latency.timed_allocation import TimedAllocation
from mmst.deploy.open import open_ticket
from mmst.deploy.profile.measure import image_for
from mmst.deploy.profile.places import SparseEngine
from mmst.pruning.criteria import LAMP, Magnitude
from mmst.pruning.draw import draw_mask
from mmst.pruning.mask import Mask
from mmst.pruning.prunable import prunable_weights

RESULTS = Path(__file__).resolve().parent / 'results' / 'timed_masks.json'


def main() -> int:
    """Measure and write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('ticket')
    parser.add_argument('--table', required=True)
    parser.add_argument('--sparsity', type=float, default=0.9)
    parser.add_argument('--shares', type=float, nargs='+', default=(0.9, 0.8, 0.75, 0.7, 0.65))
    parser.add_argument('--rounds', type=int, default=40)
    args = parser.parse_args()
    model = open_ticket(args.ticket).build()
    rows = draw(model, args.table, args.sparsity, args.shares)
    measure(model, LatencyTable.load(args.table), rows, args.rounds)
    record = dict(table=args.table, sparsity=args.sparsity, machine=machine(),
                  load=os.getloadavg()[0], rows=rows)
    RESULTS.write_text(json.dumps(record, indent=2) + '\n')
    RESULTS.with_suffix('.md').write_text(markdown(record))
    print(markdown(record))
    return 0


def draw(model: nn.Module, path: str, sparsity: float, shares: list[float]) -> list[dict]:
    """Return rows of masks, with the time that the table predicts and the magnitude kept."""
    table = LatencyTable.load(path)
    weights = prunable_weights(model)
    scores = {name: criterion.score(weights, {}) for name, criterion in
              (('magnitude', Magnitude()), ('LAMP', LAMP()))}
    masks = {f'over the network, by {name}': draw_mask(each, sparsity)
             for name, each in scores.items()}
    masks['evenly'] = draw_mask(scores['magnitude'], sparsity, 'layer')
    whole = table.predict(model, masks['over the network, by magnitude'])
    for name, each in scores.items():
        for share in shares:
            allocation = TimedAllocation('magnitude', path, target_ms=share * whole,
                                         sparsity=sparsity)
            allocation.follow(model)
            mask = allocation(each, sparsity)
            if not allocation.shortfall():
                masks[f'{share:.0%} of the time, by {name}'] = mask
    return [dict(name=name, mask=mask, predicted=table.predict(model, mask),
                 **magnitudes(weights, mask)) for name, mask in masks.items()]


def magnitudes(weights: dict[str, Tensor], mask: Mask) -> dict[str, float]:
    """Return the share of the sum of squares that a mask keeps: of the network, of the mean layer
    (geometric).
    """
    squares = {name: weight.detach().double().square() for name, weight in weights.items()}
    parts = torch.stack([squares[name][kept].sum() for name, kept in mask.items()])
    wholes = torch.stack([squares[name].sum() for name in mask])
    some = wholes > 0
    return dict(kept=float(parts.sum() / wholes.sum()),
                layers=float((parts[some] / wholes[some]).log().mean().exp()))


def measure(model: nn.Module, table: LatencyTable, rows: list[dict], rounds: int) -> None:
    """Time the rows' networks by turns; their masks give way to milliseconds."""
    place, networks = SparseEngine(), []
    for row in rows:
        network = copy.deepcopy(model)
        with torch.no_grad():
            for name, kept in row.pop('mask').items():
                network.get_parameter(name).mul_(kept)
        networks.append(place.prepare(network))
    place.take(networks, image_for(model, table.input_shape), rounds)
    for row, network in zip(rows, networks, strict=True):
        row['measured'] = network.milliseconds()


def markdown(record: dict) -> str:
    """Return the record as a page."""
    first = record['rows'][0]
    return '\n'.join([
        '# Masks that may take less and less time', '',
        f'`python benchmarks/timed_masks.py TICKET --table {record["table"]}`, '
        f'{record["machine"]["cpu"]}, one thread, load {record["load"]:.1f}; masks of '
        f'{record["sparsity"]:.0%} of a searched network\'s dense weights. The magnitude is the '
        'sum of squares; the mean layer is geometric, of the shares that layers keep of '
        'theirs.', '',
        *as_table(['drawn', 'predicted (ms)', 'measured (ms)', 'measured, of the first',
                   'magnitude kept', 'by the mean layer'], [
            [row['name'], f'{row["predicted"]:.2f}', f'{row["measured"]:.2f}',
             f'{row["measured"] / first["measured"]:.0%}', f'{row["kept"]:.1%}',
             f'{row["layers"]:.1%}'] for row in record['rows']]), ''])


if __name__ == '__main__':
    sys.exit(main())
