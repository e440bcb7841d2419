"""Evaluate a ticket or a checkpoint on the config's test set."""
import argparse

from .common import add_common_arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the subcommand."""
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', metavar='ticket_or_checkpoint', help='the file to evaluate')
    add_common_arguments(parser)
    parser.add_argument('--out', metavar='FILE',
                        help='write the metrics (FILE.json) or the predictions (FILE.pkl)')
    parser.add_argument('--kernel', type=int, metavar='THREADS',
                        help='run the network by the sparse CPU kernel')
    parser.add_argument('--int8', action='store_true', help='with --kernel: its weights rounded to '
                        'eight bits, as mmst export --format c --int8 stores them')
    parser.add_argument('--show-dir', metavar='DIR', help='paint the predictions into a folder')
