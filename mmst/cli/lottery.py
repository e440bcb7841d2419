"""Carries ``mmst lottery`` out."""
import argparse
import os.path as osp

from ..engine import offline
from ..engine.run import launcher
from ..engine.run.command_line import configure, resume_here
from ..engine.run.retrain import retraining_config
from ..engine.training import train
from ..settings.checks import check_number
from ..settings.kept_inputs import keep_inputs
from ..tickets.reinitialize import prune_at_random
from ..tickets.rewind import load_point, saved_points


def start_of(args) -> str:
    """Return ``start`` of ``FixedMaskHook`` for a setting that trains.

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
    cfg = configure(args, 'rp')
    out = osp.join(cfg.work_dir, 'ticket.pth')
    keep_inputs('--work-dir', out, args.ticket)
    ticket = offline.open_file(cfg, args.ticket)
    launcher.start_processes(cfg)
    drawn = prune_at_random(ticket, args.seed)
    runner = offline.open_runner(cfg, drawn)
    offline.finish(runner, cfg, drawn, drawn.mask, out, pruned=args.ticket, setting='rp',
                   seed=args.seed)
    launcher.stop_processes()


def train_ticket(args) -> None:
    """Train under the ticket's mask from the setting's weights."""
    cfg = configure(args, args.setting.replace('-', '_'))
    cfg = retraining_config(cfg, ticket=args.ticket, start=start_of(args), seed=args.seed,
                            epochs=args.epochs)
    if args.resume:
        cfg = resume_here(cfg)
    train(cfg)


def run(args: argparse.Namespace) -> None:
    """Carry the setting out."""
    check_number('--seed', args.seed, low=0, whole=True, remedy='use e.g. 1')
    check_number('--epochs', args.epochs, low=1, whole=True, remedy='use e.g. 50')
    if args.setting == 'rp':
        prune_randomly(args)
    else:
        train_ticket(args)
