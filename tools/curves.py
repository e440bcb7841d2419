"""Accuracy against MACs of several studies in one figure: ratios, methods and the paper's points.

TABLE is the STUDY.json that study.py or sweep.py has written, e.g. of sweeps of several methods.
PNG, SVG and the points as CSV are written; tables without curves become bars.
"""
import sys
import warnings
from pathlib import Path

warnings.filterwarnings('ignore', 'pkg_resources is deprecated')

import mmst  # noqa: F401  first: it prepares OpenMMLab's packages
from mmst import cli
from mmst.lab.study.curves import merge, read_table
from mmst.lab.study.figure import write_figures


def parse_args(args=None):
    """Read the command line."""
    parser = cli.Parser(prog='curves.py', description=__doc__)
    parser.add_argument('tables', nargs='+', type=Path, metavar='TABLE.json',
                        help='tables of studies of one size')
    parser.add_argument('--out', type=Path, metavar='DIR',
                        help='folder of the figure; that of the first table by default')
    parser.add_argument('--name', default='curves', help='of the files; curves by default')
    return parser.parse_args(args)


def draw(args) -> None:
    """Merge the tables, draw, say where the files are."""
    table = merge(args.name, [read_table(path) for path in args.tables])
    paths = write_figures(table, args.out or args.tables[0].parent)
    print('written: ' + ' '.join(map(str, paths)))


def main(args=None) -> int:
    """The tool; returns its exit code."""
    args = parse_args(args)
    return cli.run('curves.py', lambda: draw(args))


if __name__ == '__main__':
    sys.exit(main())
