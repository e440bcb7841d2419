"""Measure the milliseconds of a network's modules, and predict a ticket's time.

Networks of many widths and sparsities are drawn from the supernet and timed. With a ticket, its own
time is predicted by the table that comes of it, and measured.
"""
import argparse

from .common import add_import_argument

#: Options of a new table, and their values where they are not given.
OF_TABLES = dict(networks=60, checked=10, seed=0)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the subcommand."""
    parser.add_argument('file', metavar='config_or_ticket', help='CONFIG.py or TICKET.pth')
    parser.add_argument('-o', '--out', metavar='FILE.json',
                        help='the table; latency_WHERE_HxW.json in the current folder by default')
    parser.add_argument('--table', metavar='FILE.json',
                        help='predict the ticket by this table, and measure no new one')
    parser.add_argument('--device', metavar='WHERE',
                        help='cpu: the sparse engine (default); torch: torch on the CPU, where '
                        'zeros cost as much as other weights; cuda: torch on a GPU; onnxruntime; '
                        'c:COMMAND: the C library, run by a command that ends with its program '
                        'timing, e.g. "c:ssh pi ./timing"')
    parser.add_argument('--threads', type=int, default=1, metavar='N', help='1 by default')
    parser.add_argument('--shape', type=int, nargs='+', metavar='N',
                        help='height and width of the image; the task\'s by default')
    parser.add_argument('--networks', type=int, default=OF_TABLES['networks'], metavar='N',
                        help='networks to learn from (default: %(default)s)')
    parser.add_argument('--checked', type=int, default=OF_TABLES['checked'], metavar='N',
                        help='other networks, by which predictions are checked (default: '
                        '%(default)s)')
    parser.add_argument('--rounds', type=int, default=20, metavar='N',
                        help='calls of each network that count (default: 20)')
    parser.add_argument('--seed', type=int, default=OF_TABLES['seed'],
                        help='of the networks that are drawn')
    add_import_argument(parser)
