"""Rewrite model-index.yml and the metafiles of all configs."""
import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the subcommand."""
    parser.add_argument('--root', type=Path, metavar='DIR',
                        help='where to write; the repository by default')
