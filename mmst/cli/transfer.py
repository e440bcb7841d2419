"""Transfer a ticket's features to another data set or task, with a new classifier."""
import argparse

from ..engine.run.retrain import retraining_config
from ..engine.run.training import read_config, resume_here, train
from ..errors import config_error
from ..tickets import Ticket
from ..tickets.carry import fitting_parts
from .arguments import add_common_arguments, add_rehearsal_argument

VARIANTS = {'st': 'ticket', 'rp': 'random_pruning', 'rr-init': 'reinitialize'}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the subcommand."""
    parser.add_argument('config', help='config of the target, e.g. one of configs/transfer')
    parser.add_argument('ticket', nargs='?',
                        help='the source\'s ticket.pth; that of the config by default')
    parser.add_argument('--variant', choices=list(VARIANTS), default='st',
                        help='the ticket (default), under a random mask, or with new weights')
    parser.add_argument('--neck-ticket', metavar='PATH',
                        help='the target\'s own ticket, whose neck is taken')
    parser.add_argument('--new-neck',
                        action='store_true',
                        help='carry over the backbone alone; the neck is new and dense')
    parser.add_argument('--epochs', type=int, help='length; the config\'s or 50 by default')
    parser.add_argument('--seed', type=int, default=1, help='of random mask and weights')
    parser.add_argument('--resume', action='store_true', help='go on with a run that was stopped')
    add_common_arguments(parser)
    add_rehearsal_argument(parser)


def carried(cfg, args) -> dict:
    """Return ``parts`` and ``neck_ticket`` of the command line, else of the config, else those that
    fit.

    ``--new-neck`` takes the config's ``neck_ticket`` out.

    Raises:
        MMSTError: There is no ticket, or it cannot be read.
    """
    given = cfg.get('retrain') or {}
    path = args.ticket or given.get('ticket')
    if path is None:
        raise config_error('ticket', None, 'there is nothing to transfer', 'give a ticket.pth')
    if args.new_neck:
        given.pop('neck_ticket', None)
    neck = args.neck_ticket or given.get('neck_ticket')
    if neck or args.new_neck:
        return dict(parts=['backbone'], neck_ticket=neck)
    return dict(parts=given.get('parts') or fitting_parts(Ticket.load(path), cfg.model))


def run(args: argparse.Namespace) -> None:
    """Check, then fine-tune with the mask fixed."""
    cfg = read_config(args, f'transfer_{args.variant}'.replace('-', '_'))
    cfg = retraining_config(cfg, ticket=args.ticket, start=VARIANTS[args.variant], seed=args.seed,
                            epochs=args.epochs, **carried(cfg, args))
    if args.resume:
        resume_here(cfg)
    train(cfg)
