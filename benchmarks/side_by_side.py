"""Compares a search, Torch-Pruning and dense training: ResNet-18 at 50% and 30% of its MACs.

    python benchmarks/side_by_side.py --data DIR [--only search-50 ...] [--seeds 0 1 2]

DIR holds train/ and val/ with a folder for each of the ten classes that
benchmarks/configs/resnet18_caltech10.py names. Each run is a process of its own with one thread;
all have the same epochs, schedule, augmentations and seeds. A finished run becomes a line of
benchmarks/results/side_by_side.jsonl and is not run again; the table is made of these lines.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from machine import machine

HERE = Path(__file__).resolve().parent
RECORDS = HERE / 'results' / 'side_by_side.jsonl'
SIZE = (64, 64)
#: Torch-Pruning removes channels after epochs between these shares of all; then it trains on.
FIRST, LAST = 1 / 3, 0.55
#: Strength of the search's penalty, times epochs: scales fall by as much in a share of them.
RHO = 0.12
#: Method to share of the dense network's multiply-adds; the order of the table.
METHODS = {'dense': 1., 'search-50': 0.5, 'search-minimum-50': 0.5, 'torch-pruning-50': 0.5,
           'search-30': 0.3, 'search-minimum-30': 0.3, 'torch-pruning-30': 0.3,
           'torch-pruning-global-50': 0.5, 'torch-pruning-global-30': 0.3,
           'search-50-weights-10': 0.5, 'search-30-weights-10': 0.3}
NAMES = {'dense': 'dense', 'search': 'mmst', 'search-minimum': 'mmst, minimum=32,',
         'torch-pruning': 'Torch-Pruning, BNScale',
         'torch-pruning-global': 'Torch-Pruning, BNScale, ranked over all layers,'}
#: Top-1 of another network on other data, with 100% and 50.1% of its multiply-adds: Group Fisher
#: pruning, configs/pruning/base/group_fisher/README.md of mmrazor. There is none near 30% there.
PUBLISHED = {1.: '76.55', 0.5: '75.61 (Group Fisher)'}


def main() -> None:
    """Run the missing methods, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--data', help='folder with train/ and val/', required=True)
    parser.add_argument('--only', nargs='+', choices=METHODS, default=list(METHODS))
    parser.add_argument('--seeds', nargs='+', type=int, default=[0, 1, 2])
    parser.add_argument('--epochs', type=int, default=12, choices=range(6, 31), metavar='N',
                        help='6 to 30 (default: 12)')
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/side_by_side'))
    parser.add_argument('--records', type=Path, default=RECORDS)
    parser.add_argument('--cfg-options', nargs='*', default=[], help=argparse.SUPPRESS)
    parser.add_argument('--child', action='store_true', help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        train(args.only[0], args.seeds[0], args.epochs, args.work_dir, args.records,
              args.cfg_options)
        return
    for seed in args.seeds:
        for method in args.only:
            if not any((row['method'], row['seed'], row['epochs']) == (method, seed, args.epochs)
                       for row in read(args.records)):
                run_child(args, method, seed)
    args.records.with_suffix('.md').write_text(table(read(args.records)))


def run_child(args: argparse.Namespace, method: str, seed: int) -> None:
    """Run one method with one seed; its output stays in a file."""
    folder = args.work_dir / f'{method}-{args.epochs}-epochs-seed{seed}'
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, '-W', 'ignore', __file__, '--child', '--data', args.data,
               '--only', method, '--seeds', str(seed), '--epochs', str(args.epochs),
               '--work-dir', str(folder), '--records', str(args.records),
               '--cfg-options', *args.cfg_options]
    environment = dict(os.environ, CALTECH10_ROOT=args.data, OMP_NUM_THREADS='1')
    log = folder / 'output.txt'
    with open(log, 'w') as file:
        code = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT,
                              env=environment).returncode
    if code:
        sys.exit(f'{method}, seed {seed}: exit code {code}; see {log}\n{log.read_text()[-2000:]}')
    print(read(args.records)[-1], flush=True)


# ----------------------------------------------------------------------- in the child process


def train(method: str, seed: int, epochs: int, folder: Path, records: Path,
          options: Sequence[str]) -> None:
    """Train with one method and one seed, and add a line to the records."""
    import torch
    from mmengine.config import Config
    from mmengine.registry import MODELS, DefaultScope
    from mmengine.runner import Runner

    import mmst  # noqa: F401  first: it prepares OpenMMLab's packages

    torch.set_num_threads(1)
    cfg = Config.fromfile(HERE / 'configs' / 'resnet18_caltech10.py')
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        dense = costs(MODELS.build(cfg.model))['macs']
    cfg.merge_from_dict(length(epochs))
    cfg.merge_from_dict(settings(method, METHODS[method] * dense, epochs))
    cfg.merge_from_dict({key: json.loads(value) for key, value in
                         (option.split('=', 1) for option in options)})
    cfg.work_dir, cfg.randomness = str(folder), dict(seed=seed)
    cfg.launcher = 'none'
    wall, processor = time.perf_counter(), time.process_time()
    runner = Runner.from_cfg(cfg)
    runner.train()
    row = dict(method=method, seed=seed, epochs=runner.max_epochs,
               accuracy=runner.message_hub.get_scalar('val/accuracy/top1').current(),
               wall=round(time.perf_counter() - wall, 1),
               processor=round(time.process_time() - processor, 1),
               **{**costs(runner.model), **ticket_sizes(folder)}, machine=machine())
    records.parent.mkdir(parents=True, exist_ok=True)
    with open(records, 'a') as file:
        file.write(json.dumps(row) + '\n')


def length(epochs: int) -> dict[str, Any]:
    """Return the changes to the config by the number of epochs."""
    return {'train_cfg.max_epochs': epochs, 'train_cfg.val_begin': epochs,
            'param_scheduler.1.T_max': epochs - 1, 'default_hooks.checkpoint.interval': epochs}


def settings(method: str, target: float, epochs: int) -> dict[str, Any]:
    """Return a method's changes to the config of dense training."""
    kind = method.rpartition('-')[0]
    if method == 'dense':
        return {}
    if kind.startswith('torch-pruning'):
        import torch_pruning_hook  # noqa: F401  it registers its parts
        return dict(
            custom_hooks=[dict(type='TorchPruningHook', input_shape=SIZE, target_flops=target,
                               first=int(FIRST * epochs), last=round(LAST * epochs), reg=1e-3,
                               everywhere='global' in kind)])
    hooks = dict(
        search=dict(type='mmst.SearchHook', units='graph', input_shape=SIZE, interval=1,
                    target_flops=target, warmup=1, rho=RHO / epochs, threshold=0.1,
                    resource_aware=False, minimum=32 if 'minimum' in kind else 0),
        recalibrate=dict(type='mmst.RecalibrateHook', batches=4),
        ticket=dict(type='mmst.TicketHook'), timeline=dict(type='mmst.TimelineHook'),
        checkpoint=dict(type='mmst.TicketCheckpointHook'))
    if 'weights' in kind:
        hooks['prune'] = dict(type='mmst.PruneHook', sparsity=0.9, interval=2)
    return dict(default_hooks=hooks)


def costs(model: Any) -> dict[str, float]:
    """Return costs of a network, by the same counter for all methods."""
    from mmst.costs.network_costs import NetworkCosts
    return {key: int(value) for key, value in NetworkCosts(SIZE)(model).items()}


def ticket_sizes(folder: Path) -> dict[str, float]:
    """Return the kept share of a run's ticket and its bytes as a sparse file; empty without one."""
    from mmst.deploy.export import save_sparse
    from mmst.tickets import Ticket
    if not (folder / 'ticket.pth').is_file():
        return {}
    summary = json.loads((folder / 'ticket.json').read_text())
    ticket = Ticket.load(folder / 'ticket.pth')
    found = save_sparse(ticket, str(folder / 'ticket.sparse'))
    return dict(nonzero=summary['params']['sparse'], sparse_macs=int(summary['macs']['sparse']),
                sparse_bytes=found['bytes'], dense_bytes=sum(
                    t.numel() * t.element_size() for t in ticket.state_dict.values()))


# ---------------------------------------------------------------------------------- the record


def read(records: Path) -> list[dict[str, Any]]:
    """Return the rows of finished runs."""
    if not records.is_file():
        return []
    return [json.loads(line) for line in records.read_text().splitlines()]


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return means over seeds in Markdown, with the range of accuracies."""
    lines = ['| epochs | network | top-1 (lowest to highest) | MACs left | params (M) | processor, '
             'wall (s) | sparse file (MB) | seeds | mmrazor, published: ResNet-50, ImageNet |',
             '| ---: | --- | --- | ---: | ---: | ---: | ---: | ---: | --- |']
    for epochs in sorted({row['epochs'] for row in rows}, reverse=True):
        runs = [row for row in rows if row['epochs'] == epochs]
        dense = next((row['macs'] for row in runs if row['method'] == 'dense'), None)
        for method in METHODS:
            own = [row for row in runs if row['method'] == method]
            if own and dense:
                lines.append(f'| {epochs} | {" | ".join(cells(method, own, dense))} |')
    return '\n'.join(lines) + '\n'


def cells(method: str, rows: Sequence[Mapping[str, Any]], dense: float) -> list[str]:
    """Return a method's row of the table; ``dense`` are the multiply-adds of the dense network."""
    def mean(key: str) -> float:
        return statistics.mean(row[key] for row in rows)

    share, accuracies = METHODS[method], [row['accuracy'] for row in rows]
    kind = method.partition('-5')[0].partition('-3')[0]
    name = NAMES[kind] + ('' if kind == 'dense' else f' to {share:.0%}')
    pruned = ', 90% of the weights left pruned' if method.endswith('weights-10') else ''
    files = [row['sparse_bytes'] for row in rows if 'sparse_bytes' in row]
    return [name + pruned,
            f'{mean("accuracy"):.1f} ({min(accuracies):.1f} to {max(accuracies):.1f})',
            f'{mean("sparse_macs") / dense:.1%}', f'{mean("nonzero") / 1e6:.2f}',
            f'{mean("processor"):.0f}, {mean("wall"):.0f}',
            f'{statistics.mean(files) / 1e6:.1f}' if files else '-', str(len(rows)),
            '-' if pruned or kind.startswith('torch') else PUBLISHED.get(share, '-')]


if __name__ == '__main__':
    main()
