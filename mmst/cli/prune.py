"""Carries ``mmst prune`` out."""
import argparse
import os.path as osp

from .. import files
from ..engine import offline
from ..engine.run import launcher
from ..engine.run.command_line import configure
from ..pruning.build import build_registered, check_compared, criterion_name, read_kind
from ..pruning.scope import check_scope
from ..registry import CRITERIA
from ..settings.checks import check_number
from ..settings.kept_inputs import keep_inputs
from .run_summary import keep_others, summary_beside, summary_of


def run(args: argparse.Namespace) -> None:
    """Check, prune, recalibrate, evaluate, save."""
    check_number('--sparsity', args.sparsity, above=0, below=1,
                 remedy='give the share of weights to prune, e.g. 0.9')
    check_number('--seed', args.seed, low=0, whole=True, remedy='use e.g. 0')
    check_number('--batches', args.batches, low=1, whole=True, remedy='use e.g. 100')
    check_scope('--scope', args.scope, args.sparsity, '--sparsity')
    cfg = configure(args, 'prune')  # with its custom_imports
    kind = read_kind('--criterion', args.criterion)
    named = dict(kind) if isinstance(kind, dict) else dict(type=kind)
    criterion = build_registered(
        CRITERIA, '--criterion', {**named, **(args.criterion_options or {})},
        seed=args.seed, batches=args.batches)
    check_compared('--scope', args.scope, criterion)
    out, key = args.out, '--out'
    if not out:
        out, key = osp.join(cfg.work_dir, 'ticket.pth'), '--work-dir'
        keep_inputs(key, out, args.file)
    summary = summary_beside(out, key)
    keep_inputs(key, summary, summary_of(args.file))
    keep_others(summary, key)
    files.replaceable(summary)
    ticket = offline.open_file(cfg, args.file)
    launcher.start_processes(cfg)
    runner = offline.open_runner(cfg, ticket)
    mask = offline.prune_once(runner, cfg, criterion, args.sparsity, args.scope)
    offline.finish(runner, cfg, ticket, mask, out, pruned=args.file,
                   criterion=criterion_name(criterion),
                   scope=args.scope, seed=args.seed)
    launcher.stop_processes()
