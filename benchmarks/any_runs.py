"""Train official networks in short runs, with search and pruning, and check their tickets.

    python benchmarks/any_runs.py [--only NAME ...] [--out benchmarks/results/any_runs]

Two epochs each on generated data. Of the ticket: ``mmst test``, ``cost``, ``compact``, export to
ONNX and there by onnxruntime, ``retrain``, ``transfer`` to a head for another task. It writes
NAME.json and NAME.md; what is in the former is not run again (--again does). Each network has a
process of its own.
"""
import argparse
import contextlib
import io
import json
import re
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from any_runs_configs import (
    CLASSES,
    DATA,
    OTHERS,
    RUNS,
    Run,
    official_model,
    run_config,
    with_other_head,
)
from machine import machine
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope

import mmst  # noqa: F401  (first of OpenMMLab's packages: it prepares them)
from mmst.cli.main import call
from mmst.costs.network_costs import NetworkCosts
from mmst.deploy.comparison import largest_difference
from mmst.deploy.export.deployed import Deployed
from mmst.deploy.export.onnx_file import export_onnx
from mmst.lab.scenes import generate
from mmst.openmmlab.toolbox import check_toolbox
from mmst.pruning.mask import Mask
from mmst.tickets import Ticket

#: The steps of a ticket's life, in this order.
STEPS = ('train', 'test', 'cost', 'compact', 'onnx', 'retrain', 'transfer')
#: Numbers of images for training and validation.
IMAGES = dict(mmpretrain=(64, 10), mmseg=(32, 4), mmpose=(12, 2))
PERMITTED = 1e-5


class Failed(Exception):
    """Says what a step of a ticket's life has printed."""


def mmst_call(*words: str) -> str:
    """Return the output of a subcommand.

    Raises:
        Failed: With its last line.
    """
    printed, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(errors):
        code = call(words[0], list(words[1:]), 'mmst')
    if code:
        raise Failed((errors.getvalue().strip() or printed.getvalue().strip()).splitlines()[-1])
    return printed.getvalue()


class Life:
    """Runs one network and its ticket in a folder.

    Args:
        run (Run): The official config.
        folder (Path): An empty one.
    """

    def __init__(self, run: Run, folder: Path):
        self.run, self.folder = run, folder
        self.ticket, self.config = folder / 'train/ticket.pth', folder / 'config.py'
        self.other = folder / 'other.py'
        self.shape = DATA[run.toolbox][2]
        self.found: dict[str, Any] = {}

    def prepare(self) -> None:
        """Generate the data and write the configs of the run and of the other task."""
        dataset, size, _ = DATA[self.run.toolbox]
        data = generate(dataset, self.folder / 'data', size, *IMAGES[self.run.toolbox]).path
        check_toolbox(Config(dict(default_scope=self.run.toolbox)))
        model = official_model(self.run)
        with DefaultScope.overwrite_default_scope(self.run.toolbox):
            costs = NetworkCosts(self.shape)(MODELS.build(Config(dict(model=model)).model))
        self.found.update(params=costs['params'], macs=costs['macs'])
        for path, own, classes in ((self.config, model, CLASSES),
                                   (self.other, with_other_head(self.run, model), OTHERS)):
            Config(run_config(self.run, own, str(data), costs['macs'],
                              classes.get(self.run.toolbox, ()))).dump(path)

    def train(self) -> None:
        """Search and prune in two epochs; all removals are learned."""
        mmst_call('train', str(self.config), '--no-rehearsal', '--work-dir',
                  str(self.folder / 'train'))
        events = [json.loads(line) for line in
                  (self.folder / 'train/timeline.jsonl').read_text().splitlines()]
        removed = [sum(sum(group['removed'].values()) for group in event['removed'])
                   for event in events if event.get('kind') == 'search']
        summary = json.loads((self.folder / 'train/ticket.json').read_text())
        self.found.update(
            removed=removed, searched_params=summary['params']['searched'],
            searched_macs=summary['macs']['searched'], sparsity=summary['sparsity'])
        if not sum(removed):
            raise Failed('the searches removed nothing')

    def test(self) -> None:
        """Evaluate it in a runner of its own, on the config of the run."""
        out = self.folder / 'metrics.json'
        mmst_call('test', str(self.config), str(self.ticket), '--work-dir',
                  str(self.folder / 'test'), '--out', str(out))
        metrics = json.loads(out.read_text())
        self.found['metric'] = dict([next(iter(metrics.items()))])

    def cost(self) -> None:
        """Count it: what the summary of the run says."""
        out = self.folder / 'cost.json'
        mmst_call('cost', str(self.ticket), '--out', str(out))
        total = json.loads(out.read_text())['searched']['total']
        if total['params'] != self.found['searched_params']:
            raise Failed('costs differ from those of the run')

    def compact(self) -> None:
        """Remove what is dead; outputs stay."""
        out = self.folder / 'compact.pth'
        mmst_call('compact', str(self.ticket), '-o', str(out))
        before, after = Ticket.load(self.ticket), Ticket.load(out)
        difference = largest_difference(before.build(), after.build(), self.shape)
        size = sum(p.numel() for p in after.build().parameters())
        self.found.update(compact_difference=difference, compact_params=size)
        if difference > PERMITTED:
            raise Failed(f'outputs change by {difference:.1e}')

    def onnx(self) -> None:
        """Export it and run the file; it is smaller than the weights of the whole network."""
        out = self.folder / 'ticket.onnx'
        said = mmst_call('export', str(self.ticket), '--format', 'onnx', '-o', str(out))
        match = re.search(r'differs from PyTorch by (\S+)', said)
        assert match is not None
        sizes = out.stat().st_size, self.whole_bytes(out.stat().st_size)
        self.found.update(onnx_difference=float(match[1]), onnx_bytes=sizes[0],
                          whole_bytes=sizes[1])
        if sizes[0] >= sizes[1] or float(match[1]) > PERMITTED:
            raise Failed(f'{sizes[0]:,} of {sizes[1]:,} bytes, differs by {match[1]}')

    def whole_bytes(self, wanted: int) -> int:
        """Return bytes that the ONNX file of the whole network has at least.

        Its weights suffice where they take more than ``wanted`` bytes; elsewhere it is written.
        """
        ticket = Ticket.load(self.ticket)
        supernet = ticket.supernet()
        # Exporters may put norms into the convolutions, and leave out auxiliary heads.
        weights = sum(4 * p.numel() for name, p in supernet.named_parameters()
                      if p.dim() > 1 and 'auxiliary' not in name)
        if weights > wanted:
            return weights
        dense, out = Ticket(ticket.model, supernet.state_dict(), Mask({}), ticket.meta), str(
            self.folder / 'whole.onnx')
        export_onnx(Deployed(dense, self.shape), out)
        return Path(out).stat().st_size

    def retrain(self) -> None:
        """Train an epoch more, under the ticket's mask."""
        self._again('retrain', self.config)

    def transfer(self) -> None:
        """Train an epoch with a head for another task."""
        self._again('transfer', self.other)

    def _again(self, name: str, config: Path) -> None:
        mmst_call(name, str(config), str(self.ticket), '--epochs', '1', '--no-rehearsal',
                  '--work-dir', str(self.folder / name))
        again, before = Ticket.load(self.folder / name / 'ticket.pth'), Ticket.load(self.ticket)
        same = [key for key, kept in before.mask.items() if key.startswith('backbone.')]
        if not same or any(not bool((again.mask[key] == before.mask[key]).all()) for key in same):
            raise Failed('the mask has changed')
        again.build()


def measure(run: Run, folder: Path) -> dict[str, Any]:
    """Return the outcome of each step of a run, with its figures."""
    life, passed, start = Life(run, folder), {}, time.perf_counter()
    steps: list[tuple[str, Callable[[], None]]] = [
        ('prepare', life.prepare), *((name, getattr(life, name)) for name in STEPS)]
    for name, step in steps:
        begin = time.perf_counter()
        try:
            step()
            passed[name] = 'yes'
        except Exception as error:
            traceback.print_exc()
            passed[name] = f'{type(error).__name__}: {" ".join(str(error).split())}'[:300]
        print(f'  {name}: {passed[name]} ({time.perf_counter() - begin:.0f} s)', flush=True)
        if name in ('prepare', 'train') and passed[name] != 'yes':
            break
    return dict(life.found, steps=passed, seconds=round(time.perf_counter() - start),
                machine=machine())


def table(results: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the matrix as a table in Markdown."""
    rows = ['| config | units removed | params (M): whole, searched, compact | MACs left '
            '| compact, change of outputs | ONNX, MB: whole network (at least), ticket '
            '| change by onnxruntime | ' + ' | '.join(STEPS) + ' |',
            '| --- ' * (7 + len(STEPS)) + '|']
    for name, found in results.items():
        steps = [found['steps'].get(step, '-') for step in STEPS]
        figures = ['-'] * 6
        if found.get('removed'):
            figures[0] = ' + '.join(map(str, found['removed']))
            figures[1] = ', '.join(f'{found[key] / 1e6:.3f}' if key in found else '-' for key in (
                'params', 'searched_params', 'compact_params'))
            figures[2] = f'{found["searched_macs"] / found["macs"]:.0%}'
        if 'compact_difference' in found:
            figures[3] = f'{found["compact_difference"]:.0e}'
        if 'onnx_bytes' in found:
            figures[4] = ', '.join(f'{found[key] / 1e6:.2f}' for key in (
                'whole_bytes', 'onnx_bytes'))
            figures[5] = f'{found["onnx_difference"]:.0e}'
        rows.append('| ' + ' | '.join([name, *figures, *steps]) + ' |')
    return '\n'.join(rows) + '\n'


def main() -> None:
    """Run the networks that are not recorded yet."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--only', nargs='*', default=[], help='parts of configs\' names')
    parser.add_argument('--out', default='benchmarks/results/any_runs')
    parser.add_argument('--again', action='store_true')
    parser.add_argument('--one', help=argparse.SUPPRESS)
    args = parser.parse_args()
    warnings.simplefilter('ignore')
    out = Path(args.out)
    file = out.with_suffix('.json')
    if args.one:
        with tempfile.TemporaryDirectory() as folder:
            found = measure(next(run for run in RUNS if run.name == args.one), Path(folder))
        results = json.loads(file.read_text()) if file.is_file() else {}
        results[args.one] = found
        file.write_text(json.dumps(results, indent=1) + '\n')
        return
    known = json.loads(file.read_text()) if file.is_file() else {}
    for run in RUNS:
        if (args.only and not any(part in run.name for part in args.only)) or (
                run.name in known and not args.again):
            continue
        print(run.name, flush=True)
        subprocess.run([sys.executable, '-W', 'ignore', __file__, '--one', run.name, '--out',
                        args.out], check=True)
    results = json.loads(file.read_text())
    out.with_suffix('.md').write_text(table(
        {run.name: results[run.name] for run in RUNS if run.name in results}))


if __name__ == '__main__':
    main()
