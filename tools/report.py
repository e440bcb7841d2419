"""One HTML page about a run: timeline, architecture, layers, costs, samples, settings.

The run may be finished, at work or killed. The page opens from disk and needs no network.
"""
import sys
import warnings

warnings.filterwarnings('ignore', 'pkg_resources is deprecated')

import mmst  # noqa: F401  first: it prepares OpenMMLab's packages
from mmst import cli
from mmst.engine.run import timeline
from mmst.errors import config_error
from mmst.lab.report import write_report


def parse_args(args=None):
    """Read the command line."""
    parser = cli.Parser(prog='report.py', description=__doc__)
    parser.add_argument('work_dir', help='work directory of a run')
    parser.add_argument('-o', '--out', metavar='FILE.html',
                        help='report.html in the work directory by default')
    parser.add_argument('--samples', type=int, default=4, metavar='N',
                        help='validation images to draw predictions of; 4 by default, 0 for none')
    cli.add_import_argument(parser)
    return parser.parse_args(args)


def write(args) -> None:
    """Write the page and say where it is."""
    if args.samples < 0:
        raise config_error('--samples', args.samples, 'must be 0 or more', 'use 4')
    damage = timeline.find_damage(args.work_dir)
    if damage:
        raise config_error('work_dir', args.work_dir, f'its {timeline.FILE} is damaged: {damage}',
                           'remove that file: the events come from the last checkpoint then')
    print(f'written: {write_report(args.work_dir, args.out, args.samples)}')


def main(args=None) -> int:
    """The tool; returns its exit code."""
    args = parse_args(args)
    return cli.run('report.py', lambda: write(args))


if __name__ == '__main__':
    sys.exit(main())
