"""Write one HTML page about a run: timeline, architecture, layers, costs, samples.

The run may be finished, at work or killed. The page opens from disk and needs no network.
"""
import argparse

from ..engine.run import timeline
from ..errors import config_error
from ..lab.report import write_report
from .arguments import add_import_argument


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the subcommand."""
    parser.add_argument('work_dir', help='work directory of a run')
    parser.add_argument('-o', '--out', metavar='FILE.html',
                        help='report.html in the work directory by default')
    parser.add_argument('--samples', type=int, default=4, metavar='N',
                        help='validation images to draw predictions of; 4 by default, 0 for none')
    add_import_argument(parser)


def run(args: argparse.Namespace) -> None:
    """Write the page and say where it is."""
    if args.samples < 0:
        raise config_error('--samples', args.samples, 'must be 0 or more', 'use 4')
    damage = timeline.find_damage(args.work_dir)
    if damage:
        raise config_error('work_dir', args.work_dir, f'its {timeline.FILE} is damaged: {damage}',
                           'remove that file: the events come from the last checkpoint then')
    print(f'written: {write_report(args.work_dir, args.out, args.samples)}')
