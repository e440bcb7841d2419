"""Count parameters, multiply-adds and memory of a config's network or of a ticket."""
import argparse

from .common import add_import_argument

DETAIL = ('parts', 'blocks', 'layers')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the subcommand."""
    parser.add_argument('file', metavar='config_or_ticket', help='CONFIG.py or TICKET.pth')
    parser.add_argument('--shape', type=int, nargs='+', metavar='N',
                        help='height and width of the image; the task\'s by default')
    parser.add_argument('--by', choices=DETAIL, default='parts', help='rows of the table')
    parser.add_argument('--out', metavar='FILE.json', help='write all of it')
    add_import_argument(parser)
