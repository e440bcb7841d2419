"""Sweep one method over pruning ratios: a table, and accuracy against MACs.

All ratios of search-then-prune share one search. With --retrained each ticket is also retrained.
"""
import argparse

from ..lab.study.main import conduct
from ..lab.study.spec import parse_study, read_settings
from ..lab.study.sweep import METHODS, RATIOS, sweep_of
from .places import STUDIES, TOOLS
from .study_arguments import add_study_arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the subcommand."""
    parser.add_argument('method', choices=sorted(METHODS), help='the network and the method')
    parser.add_argument('--data', default='cityscapes', metavar='NAME',
                        help='cityscapes (default), ade20k, imagenet or coco')
    parser.add_argument('--ratios', type=int, nargs='+', default=RATIOS, metavar='P',
                        help='in percent; 10 to 90 in tens, 95, 98 and 99 by default')
    parser.add_argument('--retrained', action='store_true', help='also retrain each ticket')
    add_study_arguments(parser)


def run(args: argparse.Namespace) -> None:
    """Put the study together, then conduct it."""
    base = {key: value for name in ('catalogue', 'paper') for key, value in read_settings(
        STUDIES / '_base_' / f'{name}.py', 'STUDY', 'restore the file').items()}
    name, content = sweep_of(base, args.method, args.data, args.ratios, args.retrained)
    conduct(parse_study(name, content), args, TOOLS, STUDIES)
