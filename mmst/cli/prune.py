"""Prune a searched network once (S+P) and evaluate it, without training."""
import argparse
import os.path as osp

from ..engine.run import launcher, offline
from ..engine.run.training import read_config
from ..errors import config_error
from ..pruning.build import build_registered, criterion_name, read_kind
from ..pruning.scope import check_scope
from ..registry import CRITERIA
from .arguments import Options, add_common_arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the subcommand."""
    parser.add_argument('config', help='config file, e.g. that of the search')
    parser.add_argument('file', metavar='ticket_or_checkpoint', help='the file to prune')
    parser.add_argument('--criterion', metavar='NAME', default='magnitude',
                        help='magnitude (default), random, gradient, or one that the config or '
                        '--import registers; or its settings, e.g. "dict(type=\'random\', seed=3)"')
    parser.add_argument('--criterion-options', nargs='+', action=Options, metavar='KEY=VALUE',
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
                        help='training batches of a criterion that needs gradients (default: 100)')
    parser.add_argument('--out', metavar='FILE.pth',
                        help='the new ticket; ticket.pth in the work dir by default')
    add_common_arguments(parser)


def run(args: argparse.Namespace) -> None:
    """Check, prune, recalibrate, evaluate, save."""
    if not 0 < args.sparsity < 1:
        raise config_error('--sparsity', args.sparsity, 'must lie between 0 and 1',
                           'give the share of weights to prune, e.g. 0.9')
    check_scope('--scope', args.scope, args.sparsity, '--sparsity')
    cfg = read_config(args, 'prune')  # with its custom_imports
    kind = read_kind('--criterion', args.criterion)
    named = dict(kind) if isinstance(kind, dict) else dict(type=kind)
    criterion = build_registered(
        CRITERIA, '--criterion', {**named, **(args.criterion_options or {})},
        seed=args.seed, batches=args.batches)
    out = args.out or osp.join(cfg.work_dir, 'ticket.pth')
    ticket = offline.open_file(cfg, args.file)
    launcher.start_processes(cfg)
    runner = offline.open_runner(cfg, ticket)
    mask = offline.prune_once(runner, cfg, criterion, args.sparsity, args.scope)
    offline.finish(runner, cfg, ticket, mask, out, pruned=args.file,
                   criterion=criterion_name(criterion),
                   scope=args.scope, seed=args.seed)
    launcher.stop_processes()
