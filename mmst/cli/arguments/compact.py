"""Remove everything dead from a ticket: a smaller file of the same function."""
import argparse

from .common import add_import_argument


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the subcommand."""
    parser.add_argument('ticket', help='TICKET.pth of a finished run')
    parser.add_argument('-o', '--out', metavar='FILE.pth',
                        help='the compact ticket; TICKET_compact.pth by default, with --level '
                        'TICKET_LEVEL_compact.pth')
    parser.add_argument('--level', type=float, metavar='P', help='of a family.pth: the sparsity '
                        'of the level to compact, e.g. 0.9; the loosest by default')
    parser.add_argument('--multiple', type=int, default=1,
                        help='pad channel counts to multiples of it (default: 1, no padding)')
    parser.add_argument('--config', help='the config that the ticket is used with, for the size at '
                        'which costs are counted')
    parser.add_argument('--shape', type=int, nargs='+', metavar='N',
                        help='that size: height and width; the ticket\'s by default')
    add_import_argument(parser)
