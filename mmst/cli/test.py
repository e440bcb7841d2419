"""Carries ``mmst test`` out."""
import argparse
import json
import os.path as osp
import tempfile

import torch
from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.evaluator import DumpResults
from mmengine.hooks import EMAHook
from mmengine.registry import HOOKS, DefaultScope

from .. import files
from ..deploy.compact import is_compact, with_compact_network
from ..deploy.export.sparse_file import from_content, is_sparse_file
from ..deploy.sparse.engine_settings import EngineSettings
from ..deploy.sparse.round_weights import round_weights
from ..deploy.sparse.sparsify import sparsify
from ..engine import LabelsHook
from ..engine.build import build_runner
from ..engine.offline import check_test
from ..engine.run import launcher
from ..engine.run.command_line import configure
from ..engine.run.metrics import scalar_metrics
from ..engine.run.runner_views import unwrap
from ..engine.run.start_file import is_ticket, read
from ..engine.run.writable import check_writable
from ..errors import TicketError, config_error
from ..openmmlab.safe_checkpoints import safe_load
from ..pruning.mask import Mask
from ..search.adapters import accept_searched_states
from ..settings.changes import change, change_part, without_hooks
from ..settings.resolve import resolve
from ..tickets import Ticket

#: default_scope: the toolbox's hook that paints predictions, and its switch.
PAINTERS = dict(
    mmseg=dict(type='mmseg.SegVisualizationHook', draw=True, interval=1),
    mmpretrain=dict(type='mmpretrain.VisualizationHook', enable=True, interval=1),
    mmpose=dict(type='mmpose.PoseVisualizationHook', enable=True, interval=1))


def build_config(args) -> Config:
    """Return the config file with the command line put into it."""
    cfg = change(configure(args), load_from=args.checkpoint, resume=False)
    if args.out and not args.out.endswith(('.json', '.pkl')):
        raise config_error('--out', args.out, 'unknown kind of file',
                           'name it FILE.json for the metrics or FILE.pkl for the predictions')
    if args.int8 and args.kernel is None:
        raise config_error('--int8', True, 'it rounds the weights of the sparse kernel',
                           'add --kernel 1')
    if args.show_dir:
        cfg = painting(cfg, args.show_dir)
    return without_averaging(cfg)


def painting(cfg: Config, folder: str) -> Config:
    """Return the config with the toolbox's painting of predictions switched on."""
    scope = cfg.get('default_scope')
    if scope not in PAINTERS:
        raise config_error('default_scope', scope, 'no toolbox that paints predictions',
                           'omit --show-dir')
    hook = dict(PAINTERS[scope])
    if scope == 'mmseg':
        cfg = change_part(cfg, 'visualizer', save_dir=folder)
    else:
        hook['out_dir'] = folder
    return change_part(cfg, 'default_hooks', visualization=hook)


def without_averaging(cfg: Config) -> Config:
    """Return the config without moving average: files hold averaged weights if there are any."""
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope')):
        def averages(hook) -> bool:
            kind = resolve(HOOKS, hook.get('type')) if isinstance(hook, dict) else type(hook)
            return isinstance(kind, type) and issubclass(kind, EMAHook)
        return without_hooks(cfg, averages)


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
    content = read(args.checkpoint, content)
    if is_ticket(content) and is_compact(
            compact := Ticket.from_content(args.checkpoint, content)):
        cfg = change(cfg, model=with_compact_network(cfg.model, compact))
    content, ticket = check_test(cfg, args.checkpoint, content)
    mask = ticket.mask if ticket else Mask(content.get('mmst_mask', {}).get('kept', {}))
    launcher.start_processes(cfg)
    check_writable(cfg.work_dir)
    runner = build_runner(cfg)
    runner.register_hook(LabelsHook())
    if args.out and args.out.endswith('.pkl'):
        runner.test_evaluator.metrics.append(DumpResults(out_file_path=args.out))
    model = accept_searched_states(unwrap(runner), content)
    if args.kernel is not None:
        runner.load_or_resume()
        check_zeros(model, mask, args.checkpoint)
        sparsify(model, EngineSettings(threads=args.kernel))
        if args.int8 and not round_weights(model):
            raise config_error('--int8', True, 'no layer of the network runs by the sparse kernel',
                               'omit it')
    metrics = scalar_metrics(runner.test())
    if args.kernel is None:
        check_zeros(unwrap(runner), mask, args.checkpoint)
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
