"""Draw accuracy against MACs of several studies in one figure.

TABLE is the STUDY.json that study.py or sweep.py has written, e.g. of sweeps of several methods.
PNG, SVG and the points as CSV are written; tables without curves become bars.
"""
import argparse
from pathlib import Path

from ..lab.study.curves import merge, read_table
from ..lab.study.figure import write_figures


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the subcommand."""
    parser.add_argument('tables', nargs='+', type=Path, metavar='TABLE.json',
                        help='tables of studies of one size')
    parser.add_argument('--out', type=Path, metavar='DIR',
                        help='folder of the figure; that of the first table by default')
    parser.add_argument('--name', default='curves', help='of the files; curves by default')


def run(args: argparse.Namespace) -> None:
    """Merge the tables, draw, say where the files are."""
    table = merge(args.name, [read_table(path) for path in args.tables])
    paths = write_figures(table, args.out or args.tables[0].parent)
    print('written: ' + ' '.join(map(str, paths)))
