"""Draw accuracy against MACs of several studies in one figure.

TABLE is the STUDY.json of `mmst study` or `mmst sweep`, e.g. of sweeps of several methods.
PNG, SVG and the points as CSV are written; tables without curves become bars.
"""
import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the subcommand."""
    parser.add_argument('tables', nargs='+', type=Path, metavar='TABLE.json',
                        help='tables of studies of one size')
    parser.add_argument('--out', type=Path, metavar='DIR',
                        help='folder of the figure; that of the first table by default')
    parser.add_argument('--name', default='curves', help='of the files; curves by default')
