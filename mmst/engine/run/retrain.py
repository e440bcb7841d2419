"""Turns the config of a training run into one that trains a ticket with its mask fixed."""
from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.config import Config, ConfigDict

from ...settings.hooks import hook_settings, remove_hooks
from ...settings.kinds import kind_name
from ...settings.length import run_length, set_run_length
from ...settings.shape import input_shape

#: Hooks whose work a fixed architecture and mask end.
_REPLACED = ('SearchHook', 'PruneHook', 'FixedMaskHook', 'RewindHook')


def retraining_config(cfg: Config, fixed: Mapping[str, Any], epochs: int | None = None,
                      checkpoint: str | None = None) -> None:
    """Let ``cfg`` train a ticket, in place: no search, the mask fixed (paper Sec. 4.1, "w/ RT").

    Schedules are given the run's length: cycles and ends are stretched, the milestones of a fresh
    start move in proportion.

    Args:
        cfg (Config): A two-in-one run's.
        fixed (Mapping): Arguments of ``FixedMaskHook``.
        epochs (int, optional): Length of the run; iterations in iteration-based runs. Defaults to
            the config's.
        checkpoint (str, optional): A checkpoint of the two-in-one run; its optimizer goes on for
            ``epochs`` more than the config's. Without it the optimizer starts afresh.
    """
    before, unit = run_length(cfg)
    more = before if epochs is None else epochs
    length = before + more if checkpoint else more
    _replace_hooks(cfg, fixed)
    set_run_length(cfg, length, unit, fresh=checkpoint is None)
    for _key, scheduler in _schedulers(cfg):
        _stretch(scheduler, before, length, unit, fresh=checkpoint is None)
    cfg.load_from, cfg.resume = checkpoint, checkpoint is not None


def _replace_hooks(cfg: Config, fixed: Mapping[str, Any]) -> None:
    shape, ticket = input_shape(cfg), hook_settings(cfg, 'TicketHook')
    if ticket is not None and shape is not None:
        ticket['input_shape'] = shape
    remove_hooks(cfg, lambda hook: kind_name(hook) in _REPLACED)
    cfg.default_hooks['prune'] = ConfigDict(type='mmst.FixedMaskHook', **fixed)


def _schedulers(cfg: Config) -> Iterator[tuple[str, Any]]:
    found = cfg.get('param_scheduler') or []
    for i, scheduler in enumerate(found if isinstance(found, (list, tuple)) else [found]):
        yield f'param_scheduler[{i}]', scheduler


def _stretch(scheduler: Any, before: int, length: int, unit: str, fresh: bool) -> None:
    if scheduler.get('by_epoch', True) != (unit == 'epochs'):
        return
    for key in ('total_steps', 'end', 'T_max'):
        if scheduler.get(key) == before:
            scheduler[key] = length
    if fresh and scheduler.get('milestones'):
        scheduler['milestones'] = [max(1, round(m * length / before))
                                   for m in scheduler['milestones']]
