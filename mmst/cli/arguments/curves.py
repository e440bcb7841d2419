"""Draw accuracy against MACs of several studies, or against milliseconds of several tickets.

TABLE is the STUDY.json of `mmst study` or `mmst sweep`, e.g. of sweeps of several methods.
PNG, SVG and the points as CSV are written; tables without curves become bars.
Tickets, of several sparsities, are timed here by the sparse engine, in turns; their accuracies are
those of the .json of their names, as runs write them. Of a family.pth all levels are drawn.
"""
import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the subcommand."""
    parser.add_argument('tables', nargs='+', type=Path, metavar='TABLE_or_ticket',
                        help='tables of studies of one size (.json), or tickets of one task')
    parser.add_argument('--out', type=Path, metavar='DIR',
                        help='folder of the figure; that of the first table by default')
    parser.add_argument('--name', default='curves', help='of the files; curves by default')
    parser.add_argument('--metric', metavar='NAME',
                        help='of tickets; the first that all of them have by default')
    parser.add_argument('--shape', type=int, nargs='+', metavar='N', help='of tickets: height and '
                        'width of the image; the first ticket\'s by default')
