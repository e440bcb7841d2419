"""Prunes and evaluates a network without training it."""
import copy
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.registry import METRICS
from mmengine.runner import Runner

from .. import files
from ..costs.table import ticket_table
from ..errors import config_error
from ..openmmlab.toolbox import check_toolbox
from ..pruning.acting import check_zeros_act
from ..pruning.build import scores_of, update_kept
from ..pruning.criteria.base import Criterion
from ..pruning.draw import draw_mask
from ..pruning.mask import Mask
from ..pruning.prunable import prunable_weights
from ..randomness import isolated_random_state
from ..search.adapters import accept_searched_states
from ..search.recalibrate import recalibrate
from ..settings.changes import change
from ..settings.hooks import default_hooks, hook_settings
from ..settings.sections import check_registered, check_sections
from ..settings.shape import first_shape, input_shape
from ..tickets import Ticket, summarize
from ..tickets.described import model_config
from ..tickets.imports import listed_imports
from ..tickets.plain_data import as_plain_data
from .build import build_model, build_runner
from .data import check_data
from .explain import Places, explaining
from .hooks.labels_hook import LabelsHook, without_label
from .run.batches import criterion_gradients, show_inputs, training_batches
from .run.metrics import scalar_metrics
from .run.runner_views import unwrap
from .run.start_file import check_tested, read

#: Settings that every runner needs.
_HOOKS = ('timer', 'logger', 'param_scheduler', 'sampler_seed')
_SELECT = ('parts', 'transformers', 'leave_alone')


def check_test(cfg: Config, path: str,
               content: dict[str, Any] | None = None) -> tuple[dict[str, Any], Ticket | None]:
    """Refuse a config, ticket or checkpoint that cannot be evaluated.

    Args:
        cfg (Config): The whole config.
        path (str): The ticket or checkpoint.
        content (dict, optional): The result of ``start_file.read``; the file is read by default.

    Returns:
        tuple[dict, Ticket | None]: The file's content, and the ticket if it is one.

    Raises:
        MMSTError: The first thing that is wrong.
    """
    check_sections(cfg, 'test_dataloader', 'test_evaluator')
    check_toolbox(cfg)
    check_registered(cfg)
    found = check_tested(path, build_model(cfg), content)
    check_data(cfg, ('test', ))
    with explaining(Places(cfg), 'test_evaluator'):
        metrics = copy.deepcopy(cfg.test_evaluator)
        for metric in metrics if isinstance(metrics, list) else [metrics]:
            METRICS.build(metric)
    return found


def open_file(cfg: Config, path: str) -> Ticket:
    """Return a ticket, or a checkpoint as a ticket of its own mask, checked against config and
    data.

    Raises:
        MMSTError: The file or the data cannot be used with the config.
    """
    for name in ('train_dataloader', 'val_dataloader'):
        if cfg.get(name) is None:
            raise config_error(name, None, 'recalibration and evaluation need data',
                               'give a whole config, e.g. configs/st_hrnas_cityscapes_p90.py')
    content = read(path)  # before the toolbox is imported, which takes long
    check_toolbox(cfg)
    model = build_model(cfg)
    content, ticket = check_tested(path, model, content)
    check_data(cfg, ('train', 'val'))
    if ticket is not None:
        return ticket
    search, meta = content.get('mmst_search') or {}, content.get('meta', {})
    mask = Mask(content.get('mmst_mask', {}).get('kept', {}))
    return Ticket.from_model(model, model_config(cfg), mask, as_plain_data(dict(
        epoch=meta.get('epoch'), iter=meta.get('iter'), seed=meta.get('seed'),
        survivors=search.get('survivors', {}), supernet=search.get('supernet'),
        default_scope=cfg.get('default_scope', 'mmengine'), input_shape=input_shape(cfg),
        imports=listed_imports(cfg))))


def prune_once(runner: Runner, cfg: Config, criterion: Criterion, sparsity: float,
               scope: str = 'global') -> Mask:
    """Draw a mask over the runner's model and set the pruned weights to 0 (S+P).

    The config's ``PruneHook``, if any, says which weights count as prunable.
    """
    settings = hook_settings(cfg, 'PruneHook') or {}
    weights = prunable_weights(unwrap(runner), owner='PruneHook', **{
        key: settings[key] for key in _SELECT if key in settings})
    check_zeros_act(unwrap(runner), weights, 'PruneHook')
    gradients = criterion_gradients(runner, criterion, weights, runner.seed)
    show_inputs(runner, criterion, unwrap(runner), weights, runner.seed)
    mask = draw_mask(scores_of(criterion, weights, gradients), sparsity, scope)
    update_kept(criterion, weights, mask)
    with torch.no_grad():
        for name, kept in mask.items():
            weights[name].masked_fill_(~kept, 0)
    return mask


def open_runner(cfg: Config, ticket: Ticket) -> Runner:
    """Return a runner with the ticket's architecture and weights, and none of this project's hooks.
    """
    usual = {name: hook for name, hook in default_hooks(cfg).items() if name in _HOOKS}
    runner = build_runner(change(cfg, default_hooks=usual, custom_hooks=[], load_from=None,
                                 resume=False))
    runner.register_hook(LabelsHook())
    accept_searched_states(unwrap(runner), ticket.meta).load_state_dict(ticket.state_dict)
    return runner


def finish(runner: Runner, cfg: Config, ticket: Ticket, mask: Mask, out: str,
           **origin: Any) -> dict[str, Any]:
    """Recalibrate, evaluate, save the ticket and its summary, and print that.

    Args:
        runner (Runner): From :func:`open_runner`.
        cfg (Config): The whole config.
        ticket (Ticket): Where architecture and meta data come from.
        mask (Mask): Of the runner's model.
        out (str): Path of the new ticket; the summary is written next to it.
        **origin: How it came about, for the summary.
    """
    model, settings = unwrap(runner), hook_settings(cfg, 'RecalibrateHook') or {}
    with isolated_random_state(runner.seed):
        recalibrate([model], training_batches(
            runner, settings.get('batches', 10), runner.seed, settings.get('batch_size', 16)))
    metrics = scalar_metrics(runner.val())
    result = Ticket.from_model(model, model_config(cfg), mask, as_plain_data(dict(
        ticket.meta, sparsity=mask.sparsity, origin=origin)))
    shape = first_shape(input_shape(cfg), ticket.meta.get('input_shape'))
    summary = dict(summarize(result, shape, ticket.meta.get('supernet')), metrics=metrics,
                   before_last_prune=None, zeros=_share_of_zeros(result), **without_label(runner))
    if is_main_process():
        files.write_together({Path(out): result.to_bytes(Path(out).suffix),
                              Path(out).with_suffix('.json'): files.to_json(summary).encode()})
        print(f'ticket: {out}\n{ticket_table(summary)}', flush=True)
    return summary


def _share_of_zeros(ticket: Ticket) -> float:
    """Return the share of kept weights that are 0, e.g. of a random mask over a pruned ticket."""
    total = max(ticket.mask.total, 1)
    return sum(int((ticket.state_dict[name] == 0).sum()) for name in ticket.mask) / total
