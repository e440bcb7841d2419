"""Retrain a ticket: architecture and mask from the file, 50 epochs more."""
import argparse

from .common import add_common_arguments, add_rehearsal_argument


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the subcommand."""
    parser.add_argument('config', help='config of the run that the ticket comes from')
    parser.add_argument('ticket', nargs='?', help='ticket.pth, retrained with a fresh optimizer')
    parser.add_argument('--from-checkpoint', metavar='PATH',
                        help='instead of a ticket: the last checkpoint of the run, whose optimizer '
                        'and schedule go on, the schedule stretched; of a search alone: with the '
                        'ticket that was pruned from it')
    parser.add_argument('--epochs', type=int, help='length, or how much longer (default: 50)')
    parser.add_argument('--resume', action='store_true',
                        help='go on with a retraining that was stopped')
    add_common_arguments(parser)
    add_rehearsal_argument(parser)
