"""Try a ticket's architecture with other masks or weights (supplement, Tables 1 to 3).

rp: a random mask of the same sparsity, evaluated without training. All others are trained under
the ticket's architecture and mask, from rr-init: newly drawn weights, lt: the initial ones, elt,
llt: those of the earliest and the latest epoch that the run has kept (mmst.RewindHook).
"""
import argparse

from .common import add_common_arguments, add_rehearsal_argument

SETTINGS = ('rp', 'rr-init', 'lt', 'elt', 'llt')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the subcommand."""
    parser.add_argument('config', help='config of the run that the ticket comes from')
    parser.add_argument('ticket', help='its ticket.pth')
    parser.add_argument('setting', choices=SETTINGS)
    parser.add_argument('--epochs', type=int, default=50, help='length of training (default: 50)')
    parser.add_argument('--seed', type=int, default=1,
                        help='of random mask and weights, another than the run\'s (default: 1)')
    parser.add_argument('--rewind-dir', metavar='DIR',
                        help='the rewind points; rewind/ next to the ticket by default')
    parser.add_argument('--point', type=int, metavar='N', help='the epoch of elt and llt')
    parser.add_argument('--resume', action='store_true', help='go on with a run that was stopped')
    add_common_arguments(parser)
    add_rehearsal_argument(parser)
