"""Measures the errors of a table of times, and of searches for a target in milliseconds.

    python benchmarks/milliseconds.py      # seven minutes of one core

It measures a table of the supernet of the shipped ticket; predicts networks that are drawn alike,
searched and pruned at random; then searches with ``target_ms`` for a ticket of 90%
sparsity, from random importances and weights, and measures that ticket; and draws masks of new
weights with and without the table. All of these take turns; some networks are timed before the
table, after it and among them, and tell how much the machine itself has changed its pace. The
record goes to
``benchmarks/results/milliseconds.json`` and ``.md``.
"""
import argparse
import copy
import json
import os
import sys
import tempfile
from itertools import chain, pairwise
from pathlib import Path

os.environ.setdefault('OMP_NUM_THREADS', '1')  # before torch is loaded

import numpy as np
import torch
from machine import machine
from torch import nn
from training_report import table as as_table

from mmst.costs.latency.table import LatencyTable
from mmst.costs.latency.timed_allocation import TimedAllocation
from mmst.costs.latency.timed_costs import TimedCosts
from mmst.deploy.profile import profile
from mmst.deploy.profile.draw import draw_networks
from mmst.deploy.profile.measure import image_for
from mmst.deploy.profile.places import SparseEngine
from mmst.deploy.ticket_cost import config_network
from mmst.engine.run.config_file import read_config
from mmst.pruning.pruner import Pruner
from mmst.search.searcher import Searcher
from mmst.search.units import find_units

RESULTS = Path(__file__).resolve().parent / 'results' / 'milliseconds.json'
CONFIG = 'configs/demo/street_p90.py'
SPARSITY, SHARES = 0.9, (0.85, 0.75, 0.65)
#: Networks that show the machine's pace, and the rounds of all that is timed but the table.
PACERS, ROUNDS = 6, 40
#: Each ticket is laid out in memory so many times: the place may matter.
COPIES = 3


def main() -> int:
    """Measure and write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--config', default=CONFIG)
    parser.add_argument('--size', type=int, nargs=2, default=(128, 256))
    parser.add_argument('--networks', type=int, default=60)
    parser.add_argument('--checked', type=int, default=20)
    parser.add_argument('--rounds', type=int, default=40)
    args = parser.parse_args()
    cfg, size = read_config(args.config), tuple(args.size)
    torch.manual_seed(0)
    supernet = config_network(cfg.model, cfg.get('default_scope')).eval()
    supernet.init_weights()
    pace = Pace(supernet, size)
    table = profile(supernet, size, networks=args.networks, checked=args.checked,
                    rounds=args.rounds, seed=1)
    pace.take()
    with tempfile.TemporaryDirectory() as folder:
        path = f'{folder}/table.json'
        table.save(path)
        rows = [land(supernet, path, size, scope, share) for scope in ('global', 'layer')
                for share in SHARES]
        draws = draw_masks(supernet, path)
    pace.take(*rows, *draws)
    record = dict(config=args.config, size=list(size), sparsity=SPARSITY, machine=machine(),
                  load=os.getloadavg()[0], networks=args.networks, check=table.check,
                  overhead=table.overhead, factor=table.factor, rows=rows, draws=draws,
                  pace=pace.ratios())
    RESULTS.write_text(json.dumps(record, indent=2) + '\n')
    RESULTS.with_suffix('.md').write_text(markdown(record))
    print(markdown(record))
    return 0


class Pace:
    """Times the same networks again and again: what differs is the machine."""

    def __init__(self, supernet: nn.Module, size: tuple[int, int]):
        self.place, self.image = SparseEngine(), image_for(supernet, size)
        self.networks = [self.place.prepare(model)
                         for model in draw_networks(supernet, PACERS, seed=2)]
        self.times: list[list[float]] = []
        self.take()

    def take(self, *rows: dict) -> None:
        """Time them now, in turns with those of some rows, which get their times."""
        others = [[self.place.prepare(row['model']) for _ in range(COPIES)] for row in rows]
        for network in self.networks:
            network.whole.clear()
        self.place.take([*self.networks, *chain(*others)], self.image, ROUNDS)
        self.times.append([network.milliseconds() for network in self.networks])
        for row, copies in zip(rows, others, strict=True):
            del row['model']
            times = [each.milliseconds() for each in copies]
            row['measured'], row['spread'] = float(np.mean(times)), max(times) / min(times) - 1

    def ratios(self) -> list[float]:
        """Return the mean ratio of each time but the first to the one before it."""
        return [float(np.mean(np.divide(after, before)))
                for before, after in pairwise(self.times)]


def land(supernet: nn.Module, path: str, size: tuple[int, int], scope: str,
         share: float) -> dict:
    """Return target and prediction of the ticket that a search ends with, and the ticket."""
    torch.manual_seed(0)
    model = copy.deepcopy(supernet)
    with torch.no_grad():
        for group in find_units(model).values():
            group.gamma.uniform_(0., 1.)
    costs, pruner = TimedCosts(size, path), Pruner(SPARSITY, scope=scope)
    costs.foresee(pruner.forecast)
    target = share * costs(model)['ms']
    searcher = Searcher(costs, threshold=0.99, target_ms=target)
    searcher.begin(model)
    searcher.step(model)
    mask = pruner.forecast(model)
    with torch.no_grad():
        for name, kept in mask.items():
            model.get_parameter(name).mul_(kept)
    table = LatencyTable.load(path)
    return dict(scope=scope, target=target, predicted=table.predict(model),
                macs=costs(model)['macs'], model=model)


def draw_masks(supernet: nn.Module, path: str) -> list[dict]:
    """Return networks under masks of one sparsity, drawn in several ways; what they lost."""
    rows, table = [], LatencyTable.load(path)
    for name, scope, aim in (('over the network', 'global', None), ('evenly', 'layer', None),
                             ("allocation='magnitude'", 'global', 'magnitude'),
                             ("allocation='ms'", 'global', 'ms')):
        model, pruner = copy.deepcopy(supernet), Pruner(SPARSITY, scope=scope)
        if aim is not None:
            pruner.allocation = TimedAllocation(aim, path)
        mask, lost, whole = pruner.forecast(model), 0., 0.
        with torch.no_grad():
            for key, kept in mask.items():
                squares = model.get_parameter(key).double().square()
                lost, whole = lost + float(squares[~kept].sum()), whole + float(squares.sum())
                model.get_parameter(key).mul_(kept)
        rows.append(dict(mask=name, kept=mask.total - mask.pruned, loss=lost / whole,
                         predicted=table.predict(model), model=model))
    return rows


def since_the_table(ratios: list[float]) -> float:
    """Return the machine's time at the end over that of the middle of the table, of
    :meth:`Pace.ratios`.
    """
    before, after = 1., ratios[0]
    return after * ratios[1] / ((before + after) / 2)


def markdown(record: dict) -> str:
    """Return the record as a page."""
    check, pace = record['check'], since_the_table(record['pace'])
    rows = [[row['scope'], f'{row["target"]:.2f}',
             f'{row["predicted"] / row["target"] - 1:+.1%}', f'{row["measured"]:.2f}',
             f'{row["measured"] / row["target"] - 1:+.1%}', f'{row["measured"] / pace:.2f}',
             f'{row["measured"] / pace / row["target"] - 1:+.1%}', f'{row["macs"] / 1e9:.4f}']
            for row in record['rows']]
    return '\n'.join([
        '# Milliseconds, predicted and measured', '',
        f'`python benchmarks/milliseconds.py`, {record["machine"]["cpu"]}, one thread, load '
        f'{record["load"]:.1f}; supernet of `{record["config"]}` at '
        f'{"x".join(map(str, record["size"]))}.', '',
        f'A table learnt from {record["networks"]} networks predicts {check["networks"]:.0f} '
        f'others, searched and pruned at random, with an error of {check["mean_error"]:.1%} in '
        f'the mean and {check["largest_error"]:.1%} at most; two halves of their calls differ by '
        f'{check["repeat_error"]:.1%}. The times of {PACERS} networks changed by '
        f'{record["pace"][0] - 1:+.1%} while the table was measured, and by '
        f'{record["pace"][1] - 1:+.1%} from then to the end: so much the machine itself has '
        'changed.', '',
        f'Searches with `target_ms` for a ticket of {record["sparsity"]:.0%}, its mask drawn over '
        'the whole network or in each layer; weights and importances are random. A table knows '
        'the machine as it was: times at its pace are those measured, divided by the change of '
        f'those networks since the middle of the table, {pace:.3f}. {COPIES} copies of a ticket, '
        'in other places of the memory, differ by '
        f'{max(row["spread"] for row in record["rows"]):.1%} at most:', '',
        *as_table(['mask', 'target (ms)', 'predicted off', 'measured', 'off',
                   'at the table\'s pace', 'off', 'GMACs, dense'], rows), '',
        f'Masks of {record["sparsity"]:.0%} of the supernet\'s weights as they are initialised; '
        'the loss is the share of the sum of squares that goes:', '',
        *as_table(['drawn', 'kept', 'loss of magnitude', 'predicted (ms)', 'measured (ms)'], [
            [row['mask'], row['kept'], f'{row["loss"]:.1%}', f'{row["predicted"]:.2f}',
             f'{row["measured"]:.2f}'] for row in record['draws']]), ''])


if __name__ == '__main__':
    sys.exit(main())
