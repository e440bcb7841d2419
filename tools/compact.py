"""Remove everything dead from a ticket: a smaller file of the same function."""
import os.path as osp
import sys
import warnings

warnings.filterwarnings('ignore', 'pkg_resources is deprecated')

import mmst  # noqa: F401  first: it prepares OpenMMLab's packages
from mmst import cli, files
from mmst.costs.cost import DEFAULT_SHAPE
from mmst.deploy.compact import compact
from mmst.deploy.compact.report import compare, comparison_table
from mmst.deploy.open import check_shape, open_ticket
from mmst.engine.run.retrain import input_shape


def parse_args(args=None):
    """Read the command line."""
    parser = cli.Parser(prog='compact.py', description=__doc__)
    parser.add_argument('ticket', help='TICKET.pth of a finished run')
    parser.add_argument('-o', '--out', metavar='FILE.pth',
                        help='the compact ticket; TICKET_compact.pth by default')
    parser.add_argument('--multiple', type=int, default=1,
                        help='pad channel counts to multiples of it (default: 1, no padding)')
    parser.add_argument('--config', help='the config that the ticket is used with, for the size at '
                        'which costs are counted')
    parser.add_argument('--shape', type=int, nargs='+', metavar='N',
                        help='that size: height and width; the ticket\'s by default')
    cli.add_import_argument(parser)
    return parser.parse_args(args)


def run(args) -> None:
    """Compact, compare, save, print."""
    stem, extension = osp.splitext(args.ticket)
    out = args.out or f'{stem}_compact{extension}'
    ticket = open_ticket(args.ticket)
    files.replaceable(out)
    shape = check_shape(args.shape)
    if shape is None and args.config:
        shape = input_shape(cli.read_config(args.config))
    shape = shape or tuple(ticket.meta.get('input_shape') or DEFAULT_SHAPE)
    smaller = compact(ticket, args.multiple)
    found = compare(ticket, smaller, shape)
    smaller.save(out)
    print(comparison_table(found, (osp.getsize(args.ticket), osp.getsize(out)), shape))
    print(f'largest difference of the outputs: {found["difference"]:.1e} of the largest output')
    print(out)


def main(args=None) -> int:
    """The tool; returns its exit code."""
    args = parse_args(args)
    return cli.run('compact.py', lambda: run(args))


if __name__ == '__main__':
    sys.exit(main())
