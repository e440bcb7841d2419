"""Show the life of a SuperTicket in minutes: generate data, train, print the table.

`make demo` runs it. Data and results lie in data/demo and work_dirs of the current folder. A demo
that is finished is not trained again; `--fresh` starts over.
"""
import argparse
from pathlib import Path

#: Those of ``mmst.cli.demo``, which needs torch.
DEMOS = ('cityscapes', 'ade20k', 'imagenet', 'coco')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the subcommand."""
    parser.add_argument('dataset', nargs='?', default='cityscapes', choices=DEMOS)
    parser.add_argument('--work-dir', type=Path)
    parser.add_argument('--fresh', action='store_true', help='start over')
