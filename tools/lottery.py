"""Lottery-ticket settings: a ticket's architecture with other masks or weights (supplement).

rp: a random mask of the same sparsity, evaluated without training. All others are trained under
the ticket's architecture and mask, from rr-init: newly drawn weights, lt: the initial ones, elt,
llt: those of the earliest and the latest epoch that the run has kept (mmst.RewindHook).
"""
import os.path as osp
import sys
import warnings

warnings.filterwarnings('ignore', 'pkg_resources is deprecated')

import mmst  # noqa: F401  first: it prepares OpenMMLab's packages
from mmst import cli
from mmst.engine.run import offline
from mmst.engine.run.training import apply_retraining, read_config, resume_here, train
from mmst.tickets.reinitialize import prune_at_random
from mmst.tickets.rewind import load_point, saved_points

SETTINGS = ('rp', 'rr-init', 'lt', 'elt', 'llt')


def parse_args(args=None):
    """Read the command line."""
    parser = cli.Parser(prog='lottery.py', description=__doc__)
    parser.add_argument('config', help='config of the run that the ticket comes from')
    parser.add_argument('ticket', help='its ticket.pth')
    parser.add_argument('setting', choices=SETTINGS)
    parser.add_argument('--epochs', type=int, default=50, help='length of training (default: 50)')
    parser.add_argument('--seed', type=int, default=1,
                        help='of random mask and weights, another than the run\'s (default: 1)')
    parser.add_argument('--rewind-dir', metavar='DIR',
                        help='the rewind points; rewind/ beside the ticket by default')
    parser.add_argument('--point', type=int, metavar='N', help='the epoch of elt and llt')
    parser.add_argument('--resume', action='store_true', help='go on with a run that was stopped')
    cli.add_common_arguments(parser)
    cli.add_rehearsal_argument(parser)
    return parser.parse_args(args)


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
    """RP: draw a random mask, recalibrate, evaluate, save."""
    cfg = read_config(args, 'rp')
    ticket = offline.open_file(cfg, args.ticket)
    cli.start_processes(cfg)
    drawn = prune_at_random(ticket, args.seed)
    runner = offline.open_runner(cfg, drawn)
    offline.finish(runner, cfg, drawn, drawn.mask, osp.join(cfg.work_dir, 'ticket.pth'),
                   pruned=args.ticket, setting='rp', seed=args.seed)
    cli.stop_processes()


def train_ticket(args) -> None:
    """Train under the ticket's mask from the setting's weights."""
    cfg = read_config(args, args.setting.replace('-', '_'))
    apply_retraining(cfg, ticket=args.ticket, start=start_of(args), seed=args.seed,
                     epochs=args.epochs)
    if args.resume:
        resume_here(cfg)
    train(cfg)


def main(args=None) -> int:
    """The tool; returns its exit code."""
    args = parse_args(args)
    action = prune_randomly if args.setting == 'rp' else train_ticket
    return cli.run('lottery.py', lambda: action(args))


if __name__ == '__main__':
    sys.exit(main())
