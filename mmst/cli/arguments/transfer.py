"""Transfer a ticket's features to another data set or task, with a new classifier."""
import argparse

from .common import add_common_arguments, add_rehearsal_argument

VARIANTS = {'st': 'ticket', 'rp': 'random_pruning', 'rr-init': 'reinitialize'}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the subcommand."""
    parser.add_argument('config', help='config of the target, e.g. one of configs/transfer')
    parser.add_argument('ticket', nargs='?',
                        help='the source\'s ticket.pth; that of the config by default')
    parser.add_argument('--variant', choices=list(VARIANTS), default='st',
                        help='the ticket (default), under a random mask, or with new weights')
    neck = parser.add_mutually_exclusive_group()
    neck.add_argument('--neck-ticket', metavar='PATH',
                      help='the target\'s own ticket, whose neck is taken')
    neck.add_argument('--new-neck', action='store_true',
                      help='carry over the backbone alone; the neck is new and dense')
    parser.add_argument('--epochs', type=int, help='length; the config\'s or 50 by default')
    parser.add_argument('--seed', type=int, default=1, help='of random mask and weights')
    parser.add_argument('--resume', action='store_true', help='go on with a run that was stopped')
    add_common_arguments(parser)
    add_rehearsal_argument(parser)
