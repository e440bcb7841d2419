"""Train networks of other packages and tell what it did to them.

    python tests/downstream/report.py [foreign_resnet18 ...]

Runs in a folder of its own with generated data; prints a table.
"""
import itertools
import os
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner
from project import write_data

import mmst  # noqa: F401  (first: it prepares OpenMMLab's packages)
from mmst.engine.run.events import events
from mmst.engine.run.runner_views import evaluated_model

HERE = Path(__file__).resolve().parent
CONFIGS = ('foreign_resnet18', 'foreign_fcn_hrnet18s', 'foreign_mobilenetv2')
#: The metric that counts as accuracy of each, in percent.
METRICS = ('accuracy/top1', 'aAcc')
#: mmengine wants another name for each run of a process.
_RUNS = itertools.count()


@dataclass
class Report:
    """A finished run."""
    name: str
    runner: Runner
    before: dict[int, float] = field(default_factory=dict)
    after: dict[int, float] = field(default_factory=dict)

    def of(self, kind: str) -> list[dict]:
        """The run's searches or prunes."""
        return [event for event in events(self.runner) if event['kind'] == kind]

    @property
    def removed(self) -> int:
        """Units that the searches removed."""
        return sum(sum(group['removed'].values())
                   for event in self.of('search') for group in event['removed'])

    def rows(self) -> str:
        """A row of a table for each epoch that ended with a search or a prune."""
        gone = {e['step']: sum(sum(g['removed'].values()) for g in e['removed'])
                for e in self.of('search')}
        drawn = {e['step']: f'{e["ratio"]:.0%} | {e["pruned"]:,} of {e["total"]:,} = '
                 f'{e["sparsity"]:.6%}' for e in self.of('prune')}
        return '\n'.join(
            f'| {self.name} | {step} | {gone.get(step, "-")} | {drawn.get(step, "- | -")} | '
            f'{self.before[step]:.1f} | {self.after[step]:.1f} |'
            for step in sorted({*gone, *drawn}))


class Evaluate(Hook):
    """Notes the accuracy of the network as it is at the end of each epoch."""

    def __init__(self, scores: dict[int, float]):
        self.scores = scores

    def after_train_epoch(self, runner: Runner) -> None:
        self.scores[runner.epoch + 1] = accuracy(runner)


@torch.no_grad()
def accuracy(runner: Runner) -> float:
    """Accuracy in percent of what would be the ticket now."""
    model, loop = evaluated_model(runner), runner.val_loop
    model.eval()
    for batch in loop.dataloader:
        loop.evaluator.process(model.val_step(batch), batch)
    metrics = loop.evaluator.evaluate(len(loop.dataloader.dataset))
    model.train()
    return float(next(metrics[name] for name in METRICS if name in metrics))


def build(name: str, work_dir: Path, **changes) -> Runner:
    """A runner that has not started. The current folder must hold the data."""
    cfg = Config.fromfile(HERE / 'configs' / f'{name}.py')
    cfg.merge_from_dict(dict(changes, work_dir=str(work_dir), log_level='ERROR',
                             experiment_name=f'{name}_{next(_RUNS)}'))
    return Runner.from_cfg(cfg)


def train(name: str, work_dir: Path, **changes) -> Report:
    """Train a config to the end; see :func:`build`."""
    report = Report(name, build(name, work_dir, **changes))
    # Before the search (70) and after the recalibration (72) of an epoch's end.
    report.runner.register_hook(Evaluate(report.before), 69)
    report.runner.register_hook(Evaluate(report.after), 74)
    report.runner.train()
    return report


def main() -> None:
    """Train in a folder that is thrown away."""
    print('| network | epoch | units removed | target | sparsity | accuracy before | after |')
    print('| --- ' * 7 + '|')
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        write_data(Path(folder))
        for name in sys.argv[1:] or CONFIGS:
            print(train(name, Path(folder, 'work_dirs', name)).rows(), flush=True)


if __name__ == '__main__':
    main()
