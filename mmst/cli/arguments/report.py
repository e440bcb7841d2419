"""Write one HTML page about a run: timeline, architecture, layers, costs, samples.

The run may be finished, at work or killed. The page opens from disk and needs no network.
"""
import argparse

from .common import add_import_argument


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the subcommand."""
    parser.add_argument('run_folder', metavar='work_dir', help='work directory of a run')
    parser.add_argument('-o', '--out', metavar='FILE.html',
                        help='report.html in the work directory by default')
    parser.add_argument('--samples', type=int, default=4, metavar='N',
                        help='validation images to draw predictions of; 4 by default, 0 for none')
    add_import_argument(parser)
