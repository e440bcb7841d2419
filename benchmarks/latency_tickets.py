"""Make the tickets that latency.py and latency_gpu.py measure, by the shipped commands alone.

    python benchmarks/latency_tickets.py

It generates street scenes, trains the full-width supernet for 320 steps with search and pruning,
and draws tickets from the searched network. What is there already is not made again.
"""
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONFIG, RUN = ROOT / 'benchmarks/configs/full_width.py', ROOT / 'work_dirs/full_width'
SEARCHED = RUN / 'epoch_13.pth'
#: Scope, criterion and percents pruned.
TICKETS = [
    *((scope, 'magnitude', percent)
      for scope in ('global', 'layer') for percent in (50, 80, 90, 95)),
    ('2:4', 'magnitude', 50),
    *(('global', 'lamp', percent) for percent in (80, 90, 95))]


def main() -> None:
    """Generate data, train, draw tickets."""
    tool('generate_data', 'cityscapes', ROOT / 'data/latency/cityscapes', '--size', '128', '256',
         '--train', '32', '--val', '8')
    if not (RUN / 'ticket.pth').is_file():
        tool('train', CONFIG, '--work-dir', RUN, '--resume')
    for scope, criterion, percent in TICKETS:
        name = scope.replace(':', 'of') if criterion == 'magnitude' else criterion
        out = RUN / f'p{percent}_{name}.pth'
        if not out.is_file():
            tool('prune', CONFIG, SEARCHED, '--sparsity', percent / 100, '--scope', scope,
                 '--criterion', criterion, '--out', out, '--work-dir', RUN / 'prune')


def tool(name: str, *arguments) -> None:
    """Run tools/NAME.py."""
    subprocess.run([sys.executable, '-W', 'ignore', str(ROOT / f'tools/{name}.py'),
                    *map(str, arguments)], cwd=ROOT, check=True)


if __name__ == '__main__':
    main()
