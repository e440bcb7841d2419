"""Train every shipped p90 config itself for two iterations: full width, its own sizes.

    python benchmarks/p90_two_iterations.py [--only imagenet] [--batch-size 2]

Of each config two settings are changed: the data root (generated data) and the batch size. Each
config trains in a process of its own, which stops after two iterations. The record goes to
``benchmarks/results/p90_two_iterations.json`` and ``.md``.
"""
import argparse
import contextlib
import json
import platform
import resource
import subprocess
import sys
import tempfile
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from machine import machine

ROOT = Path(__file__).resolve().parent.parent
RESULTS = Path(__file__).resolve().parent / 'results'
ITERATIONS = 2
#: Height and width of the generated images: about those of the real ones.
SIZES = dict(imagenet=(375, 500), cityscapes=(1024, 2048), ade20k=(512, 683), coco=(480, 640))
PACKAGES = ('mm-supertickets', 'torch', 'torchvision', 'mmengine', 'mmcv', 'mmcv-lite',
            'mmsegmentation', 'mmpretrain', 'mmpose', 'numpy')


def main() -> int:
    """Train each config in a process of its own and write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--only', nargs='+', choices=SIZES, default=list(SIZES))
    parser.add_argument('--batch-size', type=int, choices=(1, 2), default=2)
    parser.add_argument('--child', type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child is not None:
        train(args.only[0], args.batch_size, args.child)
        return 0
    rows = []
    for dataset in args.only:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(run_child(dataset, args.batch_size, Path(folder)))
        print(row_text(rows[-1]), flush=True)
    write_record(rows)
    return 0


def run_child(dataset: str, batch_size: int, folder: Path) -> dict:
    """Train one config; its output stays in a file unless it fails."""
    command = [sys.executable, '-W', 'ignore', __file__, '--child', str(folder), '--only', dataset,
               '--batch-size', str(batch_size)]
    log = folder / 'output.txt'
    with open(log, 'w') as file:
        code = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT).returncode
    if code:
        sys.exit(f'{dataset}: exit code {code}\n' + log.read_text()[-3000:])
    return json.loads((folder / 'row.json').read_text())


# ----------------------------------------------------------------------- in the child process


def train(dataset: str, batch_size: int, folder: Path) -> None:
    """Train two iterations of one config, and write the measurements to ``row.json``."""
    import torch
    from mmengine.runner import Runner

    import mmst  # noqa: F401  first: it prepares OpenMMLab's packages
    from mmst.engine.data import check_data
    from mmst.engine.rehearsal import checks as preflight
    from mmst.engine.run.command_line import complete
    from mmst.engine.run.config_file import read_config
    from mmst.lab.scenes import generate

    generate(dataset, folder / 'data', SIZES[dataset], ITERATIONS * batch_size, 1)
    name = f'st_hrnas_{dataset}_p90.py'
    cfg = read_config(str(ROOT / 'configs' / name))
    override(cfg, dataset, folder / 'data', batch_size)
    # Every run sets these from outside; they are not the config's.
    cfg.work_dir, cfg.launcher = str(folder / 'work_dir'), 'none'
    cfg = complete(cfg)
    preflight.check(cfg)
    check_data(cfg, ('train', 'val'))
    started = time.perf_counter()
    runner = Runner.from_cfg(cfg)
    watch = stopwatch()
    runner.register_hook(watch, 'VERY_LOW')
    with contextlib.suppress(Finished):
        runner.train()
    params = sum(p.numel() for p in runner.model.parameters())
    row = dict(
        config=f'configs/{name}', batch_size=batch_size, input_shape=watch.input_shape,
        supernet_params=params, threads=torch.get_num_threads(),
        setup_seconds=round(watch.begun - started, 1),
        iteration_seconds=[round(s, 1) for s in watch.seconds], losses=watch.losses,
        # Of this process; workers that load data come on top.
        peak_memory_gib=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2))
    (folder / 'row.json').write_text(json.dumps(row))


class Finished(Exception):
    """Leaves the training loop."""


def stopwatch():
    """Return a hook that measures iterations, and ends the run after two."""
    from mmengine.hooks import Hook

    class Stopwatch(Hook):

        def __init__(self):
            self.seconds, self.losses = [], []

        def before_train(self, runner):
            def note(module, inputs):
                self.input_shape = list(inputs[0].shape[-2:])

            runner.model.backbone.register_forward_pre_hook(note)

        def before_train_iter(self, runner, batch_idx, data_batch=None):
            self.begun = getattr(self, 'begun', time.perf_counter())
            self.start = time.perf_counter()

        def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
            self.seconds.append(time.perf_counter() - self.start)
            self.losses.append(float(outputs['loss']))
            if len(self.seconds) == ITERATIONS:
                assert all(loss == loss and abs(loss) < float('inf') for loss in self.losses)
                raise Finished

    return Stopwatch()


def override(cfg, dataset: str, data: Path, batch_size: int) -> None:
    """Change two settings."""
    inside = dict(ade20k='ADEChallengeData2016').get(dataset, '')
    for split in ('train', 'val', 'test'):
        cfg[f'{split}_dataloader'].dataset.data_root = str(data / inside)
        if dataset == 'coco' and split != 'train':
            path = data / 'annotations/person_keypoints_val2017.json'
            cfg[f'{split}_evaluator'].ann_file = str(path)
    cfg.train_dataloader.batch_size = batch_size


# ---------------------------------------------------------------------------------- the record


def write_record(rows: list) -> None:
    """Merge the record with those of other configs, and write both files."""
    path = RESULTS / 'p90_two_iterations.json'
    known = json.loads(path.read_text())['rows'] if path.is_file() else []
    merged = {row['config']: row for row in [*known, *rows]}
    rows = [merged[name] for name in sorted(merged)]
    record = dict(rows=rows, machine=machine(), versions=versions())
    RESULTS.mkdir(exist_ok=True)
    path.write_text(json.dumps(record, indent=2) + '\n')
    path.with_suffix('.md').write_text(markdown(record))


def markdown(record: dict) -> str:
    """Return the record for people."""
    header = ('config', 'input', 'batch', 'supernet params (M)', 'set-up (s)', 'iterations (s)',
              'losses', 'peak memory (GiB)')
    lines = ['# Every p90 config itself, two training iterations', '',
             'Full width, own sizes, generated data; only data root and batch size are changed '
             '(`python benchmarks/p90_two_iterations.py`).', '',
             f'| {" | ".join(header)} |', '|' + ' --- |' * len(header)]
    lines += [row_text(row) for row in record['rows']]
    names = ', '.join(f'{name} {number}' for name, number in record['versions'].items())
    cpu = f'{record["machine"]["cpu"]}, {record["machine"]["cores"]} cores'
    lines += ['', f'CPU: {cpu}, {record["rows"][0]["threads"]} thread(s), other work on the same '
              f'machine: times are rough. {names}.', '']
    return '\n'.join(lines)


def row_text(row: dict) -> str:
    """Return a row of the table."""
    cells = (Path(row['config']).name, '{}x{}'.format(*row['input_shape']), row['batch_size'],
             f'{row["supernet_params"] / 1e6:.3f}', row['setup_seconds'],
             ', '.join(map(str, row['iteration_seconds'])),
             ', '.join(f'{loss:.4g}' for loss in row['losses']), row['peak_memory_gib'])
    return f'| {" | ".join(map(str, cells))} |'


def versions() -> dict:
    """Return the versions of the packages that took part."""
    found = dict(Python=platform.python_version())
    for name in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


if __name__ == '__main__':
    sys.exit(main())
