"""Carries ``mmst curves`` out."""
import argparse

from ..lab.study.curves import merge, read_table
from ..lab.study.figure import write_figures


def run(args: argparse.Namespace) -> None:
    """Merge the tables, draw, say where the files are."""
    table = merge(args.name, [read_table(path) for path in args.tables])
    paths = write_figures(table, args.out or args.tables[0].parent)
    print('written: ' + ' '.join(map(str, paths)))
