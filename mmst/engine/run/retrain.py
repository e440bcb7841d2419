"""Turns the config of a training run into one that trains a ticket with its mask fixed."""
import os.path as osp
from collections.abc import Mapping
from typing import Any

from mmengine.config import Config

from ...errors import config_error
from ...settings.changes import (
    change,
    change_part,
    with_hook_settings,
    with_run_length,
    without,
    without_hooks,
)
from ...settings.checks import check_number
from ...settings.kept_inputs import keep_inputs
from ...settings.kinds import kind_name
from ...settings.length import run_length
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
        ConfigError: There is neither ticket nor checkpoint, the checkpoint is no file, or the run
            would write its own ticket over the one that it reads.
    """
    settings = _settings(cfg.get('retrain') or {}, given)
    epochs, checkpoint = settings.pop('epochs', 50), settings.pop('checkpoint', None)
    _check(settings.get('ticket'), checkpoint, epochs)
    keep_inputs('work_dir', osp.join(cfg.get('work_dir') or '', 'ticket.pth'),
                settings.get('ticket'), settings.get('neck_ticket'))
    before, unit = run_length(cfg)
    length, fresh = before + epochs if checkpoint else epochs, checkpoint is None
    cfg = _with_fixed_mask(without(cfg, 'retrain'), settings)
    cfg = with_run_length(cfg, length, unit, fresh)
    schedulers = [_stretch(s, before, length, unit, fresh) for s in _schedulers(cfg)]
    return change(cfg, load_from=checkpoint, resume=not fresh,
                   **(dict(param_scheduler=schedulers) if schedulers else {}))


def _settings(defaults: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the given settings over the config's; a given start replaces the config's."""
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


def _with_fixed_mask(cfg: Config, fixed: Mapping[str, Any]) -> Config:
    """Return the config with ``FixedMaskHook`` in place of the hooks whose work has ended."""
    shape = input_shape(cfg)
    if shape is not None:
        cfg = with_hook_settings(cfg, 'TicketHook', input_shape=shape)
    cfg = without_hooks(cfg, lambda hook: kind_name(hook) in _REPLACED)
    return change_part(cfg, 'default_hooks', prune=dict(type='mmst.FixedMaskHook', **fixed))


def _schedulers(cfg: Config) -> list[Any]:
    found = cfg.get('param_scheduler') or []
    return list(found) if isinstance(found, (list, tuple)) else [found]


def _stretch(scheduler: Mapping[str, Any], before: int, length: int, unit: str,
               fresh: bool) -> dict[str, Any]:
    """Return the settings of a scheduler for a run of another length."""
    stretched = dict(scheduler)
    if scheduler.get('by_epoch', True) != (unit == 'epochs'):
        return stretched
    for key in ('total_steps', 'end', 'T_max'):
        if scheduler.get(key) == before:
            stretched[key] = length
    if fresh and scheduler.get('milestones'):
        stretched['milestones'] = [max(1, round(m * length / before))
                                   for m in scheduler['milestones']]
    return stretched
