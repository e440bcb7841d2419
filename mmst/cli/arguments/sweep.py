"""Sweep one method over pruning ratios: a table, and accuracy against MACs.

All ratios of search-then-prune share one search. With --retrained each ticket is also retrained.
"""
import argparse

from ...lab.study.sweep import METHODS, RATIOS
from .of_studies import add_study_arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the subcommand."""
    parser.add_argument('method', choices=sorted(METHODS), help='the network and the method')
    parser.add_argument('--data', default='cityscapes', metavar='NAME',
                        help='cityscapes (default), ade20k, imagenet or coco')
    parser.add_argument('--ratios', type=int, nargs='+', default=RATIOS, metavar='P',
                        help='in percent; 10 to 90 in tens, 95, 98 and 99 by default')
    parser.add_argument('--retrained', action='store_true', help='also retrain each ticket')
    add_study_arguments(parser)
