"""Prune a searched network once (S+P) and evaluate it, without training."""
import argparse

from .assignments import Assign
from .common import add_common_arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the subcommand."""
    parser.add_argument('config', help='config file, e.g. that of the search')
    parser.add_argument('file', metavar='ticket_or_checkpoint', help='the file to prune')
    parser.add_argument('--criterion', metavar='NAME', default='magnitude',
                        help='magnitude (default), lamp, random, gradient, obc, or one that the '
                        'config or --import registers; or settings, e.g. '
                        '"dict(type=\'random\', seed=3)"')
    parser.add_argument('--criterion-options', nargs='+', action=Assign, metavar='KEY=VALUE',
                        help='its arguments, e.g. strength=0.5')
    parser.add_argument('--sparsity', type=float, default=0.9,
                        help='share of the prunable weights to prune (default: 0.9)')
    parser.add_argument(
        '--scope',
        default='global',
        help='global: over all weights together (default); layer: the same share of '
        'each layer; n:m, e.g. 2:4: n of every m weights in a row stay')
    parser.add_argument('--seed',
                        type=int,
                        default=0,
                        help='of a criterion that takes one, e.g. random')
    parser.add_argument('--batches', type=int, default=100,
                        help='training batches of a criterion that needs data (default: 100)')
    parser.add_argument('--out', metavar='FILE.pth',
                        help='the new ticket; ticket.pth in the work dir by default')
    add_common_arguments(parser)
