"""Record what the demos' networks reach trained dense, which the demo shows next to its ticket.

    python benchmarks/demo_dense.py [cityscapes ade20k imagenet coco]
"""
import argparse
import json
import os
import sys
from pathlib import Path

from machine import machine

from mmst.cli.demo import DEMOS, RECORD, config_of, train

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Train, then write the record of each data set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('datasets', nargs='*', default=list(DEMOS), metavar='DATASET')
    datasets = parser.parse_args().datasets
    os.chdir(ROOT)  # where the demos lie
    for dataset in datasets:
        work_dir = ROOT / 'work_dirs' / f'demo_dense_{dataset}'
        if train(dataset, work_dir, 'dense'):
            sys.exit(f'{dataset}: training failed')
        record(dataset, json.loads((work_dir / 'ticket.json').read_text()))


def record(dataset: str, summary: dict) -> None:
    """Put one data set's result into the record, next to the others'."""
    records = json.loads(RECORD.read_text()) if RECORD.is_file() else {}
    records[dataset] = dict(
        config=str(config_of(dataset, 'dense').relative_to(ROOT)),
        command=f'python benchmarks/demo_dense.py {dataset}', epochs=summary['epoch'],
        seed=summary['seed'], machine=machine(), metrics=summary['metrics'])
    RECORD.write_text(json.dumps(records, indent=2) + '\n')
    print(f'{dataset}: {summary["metrics"]}')


if __name__ == '__main__':
    main()
