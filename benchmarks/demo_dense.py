"""Record the mIoU of the demo's network trained dense, which `make demo` shows beside the ticket's.

    python benchmarks/demo_dense.py
"""
import json
import subprocess
import sys
from pathlib import Path

from machine import machine

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / 'tools'))

from demo import DATA, IMAGES  # noqa: E402
from mmst.datasets import generate  # noqa: E402

CONFIG = 'configs/demo/st_hrnas_cityscapes_dense_demo.py'


def main() -> None:
    """Train, then write the record."""
    work_dir = ROOT / 'work_dirs/demo_dense'
    generate('cityscapes', DATA, None, IMAGES['train'], IMAGES['val'], 0)
    subprocess.run([sys.executable, '-W', 'ignore', 'tools/train.py', CONFIG, '--work-dir',
                    str(work_dir), '--resume'], cwd=ROOT, check=True)
    summary = json.loads((work_dir / 'ticket.json').read_text())
    record = dict(config=CONFIG, command='python benchmarks/demo_dense.py',
                  epochs=summary['epoch'], seed=summary['seed'], machine=machine(),
                  **summary['metrics'])
    path = ROOT / 'benchmarks/results/demo_dense.json'
    path.write_text(json.dumps(record, indent=2) + '\n')
    print(f'{path.relative_to(ROOT)}: mIoU {record["mIoU"]:.2f}')


if __name__ == '__main__':
    main()
