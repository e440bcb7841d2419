"""Carries ``mmst transfer`` out."""
import argparse

from ..engine.run.command_line import configure, resume_here
from ..engine.run.retrain import retraining_config
from ..engine.training import train
from ..errors import config_error
from ..settings.changes import change_part
from ..tickets import Ticket
from ..tickets.carry import fitting_parts
from .arguments.transfer import VARIANTS


def choose_parts(cfg, args) -> dict:
    """Return ``parts`` and ``neck_ticket`` of the command line, else of the config, else those that
    fit.

    Raises:
        MMSTError: There is no ticket, or it cannot be read.
    """
    given = dict(cfg.get('retrain') or {})
    path = args.ticket or given.get('ticket')
    if path is None:
        raise config_error('ticket', None, 'there is nothing to transfer', 'give a ticket.pth')
    neck = None if args.new_neck else args.neck_ticket or given.get('neck_ticket')
    if neck or args.new_neck:
        return dict(parts=['backbone'], neck_ticket=neck)
    return dict(parts=given.get('parts') or fitting_parts(Ticket.load(path), cfg.model))


def run(args: argparse.Namespace) -> None:
    """Check, then fine-tune with the mask fixed."""
    cfg = configure(args, f'transfer_{args.variant}'.replace('-', '_'))
    if args.new_neck and cfg.get('retrain'):
        cfg = change_part(cfg, 'retrain', neck_ticket=None)
    cfg = retraining_config(cfg, ticket=args.ticket, start=VARIANTS[args.variant], seed=args.seed,
                            epochs=args.epochs, **choose_parts(cfg, args))
    if args.resume:
        cfg = resume_here(cfg)
    train(cfg)
