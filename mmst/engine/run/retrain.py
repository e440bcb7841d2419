"""Turns the config of a training run into one that trains a ticket with its mask fixed."""
import copy
import os.path as osp
from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.config import Config, ConfigDict

from ...errors import config_error
from ...settings.checks import check_number
from ...settings.hooks import hook_settings, remove_hooks
from ...settings.kinds import kind_name
from ...settings.length import run_length, set_run_length
from ...settings.shape import input_shape

#: Hooks whose work a fixed architecture and mask end.
_REPLACED = ('SearchHook', 'PruneHook', 'FixedMaskHook', 'RewindHook')


def retraining_config(cfg: Config, **given: Any) -> Config:
    """Return the config of a run that trains a ticket with its mask fixed.

    This is the retraining of the paper (Sec. 4.1, "w/ RT"). The run has no search, and schedules
    are given its length: cycles and ends are stretched, the milestones of a fresh start move in
    proportion. ``cfg`` itself stays as it is.

    Args:
        cfg (Config): The config of a two-in-one run. Its ``retrain=dict(…)``, if it has one, gives
            defaults.
        **given: ``ticket``, which starts a fresh optimizer, or ``checkpoint``, whose optimizer and
            schedule go on for ``epochs`` more than the config's; ``epochs`` (iterations in
            iteration-based runs; the paper's 50 by default); other arguments of ``FixedMaskHook``.
            Those that are None count as not given.

    Raises:
        ConfigError: There is neither ticket nor checkpoint, or the checkpoint is no file.
    """
    cfg = copy.deepcopy(cfg)
    settings = _settings(cfg.pop('retrain', None) or {}, given)
    epochs, checkpoint = settings.pop('epochs', 50), settings.pop('checkpoint', None)
    _check(settings.get('ticket'), checkpoint, epochs)
    before, unit = run_length(cfg)
    length = before + epochs if checkpoint else epochs
    _replace_hooks(cfg, settings)
    set_run_length(cfg, length, unit, fresh=checkpoint is None)
    for _key, scheduler in _schedulers(cfg):
        _stretch(scheduler, before, length, unit, fresh=checkpoint is None)
    cfg.load_from, cfg.resume = checkpoint, checkpoint is not None
    return cfg


def _settings(defaults: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Put what is given over the config's own; a start that is given replaces the config's."""
    given = {key: value for key, value in given.items() if value is not None}
    starts = {'ticket', 'checkpoint'}
    return dict({k: v for k, v in defaults.items() if not (starts & set(given) and k in starts)},
                **given)


def _check(ticket: Any, checkpoint: Any, epochs: Any) -> None:
    if ticket is None and checkpoint is None:
        raise config_error('ticket', None, 'there is nothing to train',
                           'give a ticket.pth, or a checkpoint with mmst retrain --from-checkpoint')
    check_number('epochs', epochs, low=1, whole=True, remedy='use 50')
    if checkpoint is not None and not osp.isfile(checkpoint):
        raise config_error('checkpoint', checkpoint, 'no such file',
                           'give the last epoch_N.pth of the two-in-one run')


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
