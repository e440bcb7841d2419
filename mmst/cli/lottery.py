"""Try a ticket's architecture with other masks or weights (supplement, Tables 1 to 3).

rp: a random mask of the same sparsity, evaluated without training. All others are trained under
the ticket's architecture and mask, from rr-init: newly drawn weights, lt: the initial ones, elt,
llt: those of the earliest and the latest epoch that the run has kept (mmst.RewindHook).
"""
import argparse
import os.path as osp

from ..engine.run import launcher, offline
from ..engine.run.retrain import retraining_config
from ..engine.run.training import read_config, resume_here, train
from ..tickets.reinitialize import prune_at_random
from ..tickets.rewind import load_point, saved_points
from .arguments import add_common_arguments, add_rehearsal_argument

SETTINGS = ('rp', 'rr-init', 'lt', 'elt', 'llt')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the subcommand."""
    parser.add_argument('config', help='config of the run that the ticket comes from')
    parser.add_argument('ticket', help='its ticket.pth')
    parser.add_argument('setting', choices=SETTINGS)
    parser.add_argument('--epochs', type=int, default=50, help='length of training (default: 50)')
    parser.add_argument('--seed', type=int, default=1,
                        help='of random mask and weights, another than the run\'s (default: 1)')
    parser.add_argument('--rewind-dir', metavar='DIR',
                        help='the rewind points; rewind/ next to the ticket by default')
    parser.add_argument('--point', type=int, metavar='N', help='the epoch of elt and llt')
    parser.add_argument('--resume', action='store_true', help='go on with a run that was stopped')
    add_common_arguments(parser)
    add_rehearsal_argument(parser)


def start_of(args) -> str:
    """``start`` of ``FixedMaskHook`` for a setting that trains.

    Raises:
        TicketError: The rewind point was not saved.
    """
    if args.setting == 'rr-init':
        return 'reinitialize'
    folder = args.rewind_dir or osp.join(osp.dirname(args.ticket), 'rewind')
    later = [n for n in saved_points(folder) if n > 0]
    step = dict(lt=0, elt=later[0] if later else 'early', llt=later[-1] if later else 'late')
    chosen = args.point if args.point is not None else step[args.setting]
    path = osp.join(folder, f'{chosen}.pth')
    load_point(path)
    return path


def prune_randomly(args) -> None:
    """Draw a random mask (RP), recalibrate, evaluate, save."""
    cfg = read_config(args, 'rp')
    ticket = offline.open_file(cfg, args.ticket)
    launcher.start_processes(cfg)
    drawn = prune_at_random(ticket, args.seed)
    runner = offline.open_runner(cfg, drawn)
    offline.finish(runner, cfg, drawn, drawn.mask, osp.join(cfg.work_dir, 'ticket.pth'),
                   pruned=args.ticket, setting='rp', seed=args.seed)
    launcher.stop_processes()


def train_ticket(args) -> None:
    """Train under the ticket's mask from the setting's weights."""
    cfg = read_config(args, args.setting.replace('-', '_'))
    cfg = retraining_config(cfg, ticket=args.ticket, start=start_of(args), seed=args.seed,
                            epochs=args.epochs)
    if args.resume:
        resume_here(cfg)
    train(cfg)


def run(args: argparse.Namespace) -> None:
    """Carry the setting out."""
    if args.setting == 'rp':
        prune_randomly(args)
    else:
        train_ticket(args)
