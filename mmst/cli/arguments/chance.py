"""Score a constant answer on validation data: the most frequent class, the mean pose."""
import argparse

from .common import add_common_arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the subcommand."""
    parser.add_argument('config', help='config file')
    add_common_arguments(parser)
