"""Estimate the time of tickets on a sparse accelerator (supplement, Table 4)."""
import argparse

from ...lab.accelerator.settings import Sigma
from .common import add_import_argument


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the subcommand."""
    parser.add_argument('tickets', nargs='+', metavar='TICKET.pth')
    parser.add_argument('--shape', type=int, nargs='+', metavar='N',
                        help='height and width of the image; each ticket\'s own by default')
    for name, kind, text in (('rows', int, 'of multipliers'), ('columns', int, 'of multipliers'),
                             ('frequency', float, 'cycles a second'),
                             ('bandwidth', float, 'bytes a second from memory'),
                             ('word', int, 'bytes of an operand')):
        parser.add_argument(f'--{name}', type=kind, default=getattr(Sigma, name),
                            help=f'{text}; {getattr(Sigma, name):g} by default')
    parser.add_argument('--layers', action='store_true', help='print the slowest layers, too')
    add_import_argument(parser)
