"""Evaluate a ticket or a checkpoint on the config's test set."""
import argparse
import json
import os.path as osp
import tempfile

import torch
from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.evaluator import DumpResults
from mmengine.hooks import EMAHook
from mmengine.registry import HOOKS, RUNNERS, DefaultScope
from mmengine.runner import Runner

from .. import files
from ..deploy.compact import is_compact, use_compact
from ..deploy.export.sparse_file import from_content, is_sparse_file
from ..deploy.sparse.engine_settings import EngineSettings
from ..deploy.sparse.sparsify import sparsify
from ..engine import LabelsHook
from ..engine.run import launcher
from ..engine.run.config_file import complete, read_config, set_work_dir
from ..engine.run.offline import check_test
from ..engine.run.runner_views import unwrapped
from ..engine.run.start_file import is_ticket, read
from ..engine.run.writable import check_writable
from ..errors import TicketError, config_error
from ..openmmlab.safe_checkpoints import safe_load
from ..pruning.mask import Mask
from ..search.adapters import accept_searched_states
from ..settings.hooks import remove_hooks
from ..settings.resolve import resolve
from ..tickets import Ticket
from .arguments import add_common_arguments

#: default_scope: the toolbox's hook that paints predictions, and its switch.
PAINTERS = dict(
    mmseg=dict(type='mmseg.SegVisualizationHook', draw=True, interval=1),
    mmpretrain=dict(type='mmpretrain.VisualizationHook', enable=True, interval=1),
    mmpose=dict(type='mmpose.PoseVisualizationHook', enable=True, interval=1))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the subcommand."""
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', metavar='ticket_or_checkpoint', help='the file to evaluate')
    add_common_arguments(parser)
    parser.add_argument('--out', metavar='FILE',
                        help='write the metrics (FILE.json) or the predictions (FILE.pkl)')
    parser.add_argument('--kernel', type=int, metavar='THREADS',
                        help='run the network by the sparse CPU kernel')
    parser.add_argument('--show-dir', metavar='DIR', help='paint the predictions into a folder')


def build_config(args) -> Config:
    """Return the config file with the command line put into it."""
    cfg = read_config(args.config, args.cfg_options)
    launcher.set_launcher(cfg, args)
    set_work_dir(cfg, args)
    complete(cfg)
    cfg.load_from, cfg.resume = args.checkpoint, False
    if args.out and not args.out.endswith(('.json', '.pkl')):
        raise config_error('--out', args.out, 'unknown kind of file',
                           'name it FILE.json for the metrics or FILE.pkl for the predictions')
    if args.show_dir:
        paint(cfg, args.show_dir)
    drop_averaging(cfg)
    return cfg


def paint(cfg: Config, folder: str) -> None:
    """Switch the toolbox's painting of predictions on."""
    scope = cfg.get('default_scope')
    if scope not in PAINTERS:
        raise config_error('default_scope', scope, 'no toolbox that paints predictions',
                           'leave --show-dir away')
    hook = dict(PAINTERS[scope])
    if scope == 'mmseg':
        cfg.visualizer.save_dir = folder
    else:
        hook['out_dir'] = folder
    cfg.default_hooks.visualization = hook


def drop_averaging(cfg: Config) -> None:
    """Leave out the moving average: files hold the averaged weights where there are any."""
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope')):
        def averages(hook) -> bool:
            kind = resolve(HOOKS, hook.get('type')) if isinstance(hook, dict) else type(hook)
            return isinstance(kind, type) and issubclass(kind, EMAHook)
        remove_hooks(cfg, averages)


def run(args: argparse.Namespace) -> None:
    """Check, evaluate, and print the result; a sparse file counts as the ticket that it holds."""
    content = safe_load(args.checkpoint, 'cpu') if osp.isfile(args.checkpoint) else None
    if not is_sparse_file(content):
        return evaluate_checkpoint(args, content)
    with tempfile.TemporaryDirectory() as folder:
        ticket = from_content(args.checkpoint, content)
        args.checkpoint = osp.join(folder, 'ticket.pth')
        ticket.save(args.checkpoint)
        evaluate_checkpoint(args)


def evaluate_checkpoint(args, content=None) -> None:
    """Check, evaluate, and print the result."""
    cfg = build_config(args)
    if args.kernel is not None and args.kernel < 1:
        raise config_error('--kernel', args.kernel, 'must be a number of threads', 'use 1')
    content = read(args.checkpoint, content)
    if is_ticket(content) and is_compact(
            compact := Ticket.from_content(args.checkpoint, content)):
        use_compact(cfg.model, compact)
    content, ticket = check_test(cfg, args.checkpoint, content)
    mask = ticket.mask if ticket else Mask(content.get('mmst_mask', {}).get('kept', {}))
    launcher.start_processes(cfg)
    check_writable(cfg.work_dir)
    runner = RUNNERS.build(cfg) if 'runner_type' in cfg else Runner.from_cfg(cfg)
    runner.register_hook(LabelsHook())
    if args.out and args.out.endswith('.pkl'):
        runner.test_evaluator.metrics.append(DumpResults(out_file_path=args.out))
    model = accept_searched_states(unwrapped(runner), content)
    if args.kernel is not None:
        runner.load_or_resume()
        check_zeros(model, mask, args.checkpoint)
        sparsify(model, EngineSettings(threads=args.kernel))
    metrics = {key: float(value) for key, value in runner.test().items()}
    if args.kernel is None:
        check_zeros(unwrapped(runner), mask, args.checkpoint)
    if is_main_process():
        report({} if runner.cfg.get('log_level', 'INFO') == 'INFO' else metrics, mask)  # logged
        if args.out and args.out.endswith('.json'):
            result = dict(metrics, sparsity=mask.sparsity) if len(mask) else metrics
            files.write_bytes(args.out, (json.dumps(result, indent=2) + '\n').encode())
    launcher.stop_processes()


def check_zeros(model: torch.nn.Module, mask: Mask, path: str) -> None:
    """Make sure that the evaluated network is sparse.

    Raises:
        TicketError: A pruned weight was not exactly 0.
    """
    parameters = dict(model.named_parameters())
    for name, kept in mask.items():
        if bool(parameters[name].detach().cpu().masked_select(~kept).any()):
            raise TicketError(f'{path}: {name} has weights where its mask has none. Remedy: take '
                              'the file from the training run again.')


def report(metrics, mask: Mask) -> None:
    """Print metrics and sparsity."""
    for name, value in metrics.items():
        print(f'{name}: {value:.4f}')
    if len(mask):
        print(f'sparsity: {mask.sparsity:.6f} ({mask.pruned:,} of {mask.total:,} prunable weights '
              'are exactly 0)', flush=True)
