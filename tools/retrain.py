"""Retrain a ticket: architecture and mask from the file, 50 epochs more."""
import sys
import warnings

warnings.filterwarnings('ignore', 'pkg_resources is deprecated')

import mmst  # noqa: F401  first: it prepares OpenMMLab's packages
from mmst import cli
from mmst.engine.run.training import apply_retraining, read_config, resume_here, train


def parse_args(args=None):
    """Read the command line."""
    parser = cli.Parser(prog='retrain.py', description=__doc__)
    parser.add_argument('config', help='config of the run that the ticket comes from')
    parser.add_argument('ticket', nargs='?', help='ticket.pth, retrained with a fresh optimizer')
    parser.add_argument('--from-checkpoint', metavar='PATH',
                        help='instead of a ticket: the last checkpoint of the run, whose optimizer '
                        'and schedule go on, the schedule stretched; of a search alone: with the '
                        'ticket that was pruned from it')
    parser.add_argument('--epochs', type=int, help='length, or how much longer (default: 50)')
    parser.add_argument('--resume', action='store_true',
                        help='go on with a retraining that was stopped')
    cli.add_common_arguments(parser)
    cli.add_rehearsal_argument(parser)
    return parser.parse_args(args)


def retrain(args) -> None:
    """Check, then train with the mask fixed."""
    cfg = read_config(args, 'retrain')
    apply_retraining(cfg, ticket=args.ticket, checkpoint=args.from_checkpoint,
                     epochs=args.epochs)
    if args.resume:
        resume_here(cfg)
    train(cfg)


def main(args=None) -> int:
    """The tool; returns its exit code."""
    args = parse_args(args)
    return cli.run('retrain.py', lambda: retrain(args))


if __name__ == '__main__':
    sys.exit(main())
