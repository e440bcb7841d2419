"""Sweep one method over pruning ratios, 10 to 99%: a table, and accuracy against MACs.

All ratios of search-then-prune share one search. With --retrained each ticket is also retrained.
"""
import sys
import warnings
from pathlib import Path

warnings.filterwarnings('ignore', 'pkg_resources is deprecated')

import mmst  # noqa: F401  first: it prepares OpenMMLab's packages
from mmst import cli
from mmst.lab.study.main import add_arguments, conduct
from mmst.lab.study.spec import parse_study, read_settings
from mmst.lab.study.sweep import METHODS, RATIOS, sweep_of

TOOLS = Path(__file__).resolve().parent
STUDIES = TOOLS.parent / 'configs' / 'studies'


def parse_args(args=None):
    """Read the command line."""
    parser = cli.Parser(prog='sweep.py', description=__doc__)
    parser.add_argument('method', choices=sorted(METHODS), help='what is pruned, and how')
    parser.add_argument('--data', default='cityscapes', metavar='NAME',
                        help='cityscapes (default), ade20k, imagenet or coco')
    parser.add_argument('--ratios', type=int, nargs='+', default=RATIOS, metavar='P',
                        help='in percent; 10 to 90 in tens, 95, 98 and 99 by default')
    parser.add_argument('--retrained', action='store_true', help='also retrain each ticket')
    add_arguments(parser)
    return parser.parse_args(args)


def sweep(args) -> None:
    """Put the study together, then conduct it."""
    base = {key: value for name in ('catalogue', 'paper') for key, value in read_settings(
        STUDIES / '_base_' / f'{name}.py', 'STUDY', 'restore the file').items()}
    name, content = sweep_of(base, args.method, args.data, args.ratios, args.retrained)
    conduct(parse_study(name, content), args, TOOLS, STUDIES)


def main(args=None) -> int:
    """The tool; returns its exit code."""
    args = parse_args(args)
    return cli.run('sweep.py', lambda: sweep(args))


if __name__ == '__main__':
    sys.exit(main())
