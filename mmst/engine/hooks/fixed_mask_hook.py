"""Trains a ticket under its own architecture and mask."""
import copy
import itertools
from collections.abc import Sequence
from typing import Any

import torch
from mmengine.runner import Runner
from torch import nn

from ...errors import TicketError, config_error
from ...openmmlab.internals import is_resumed, steps_of
from ...pruning.mask import Mask
from ...registry import HOOKS
from ...settings.checks import check_number
from ...tickets.carried_table import carried_table
from ...tickets.carry import carry_over, choose_parts, open_neck
from ...tickets.starting_point import starting_point
from ...tickets.ticket import Ticket
from ..run.coverage import log_coverage
from ..run.events import add_event
from ..run.offered_units import accept_ticket
from ..run.plan import RunPlan
from ..run.rewrap import rewrap
from ..run.runner_views import models, refresh_averaged, unwrapped
from .mask_hook import MaskHook
from .search_hook import SearchHook

#: Of a scheduler's state; everything else follows from the config, whose length may have changed.
_PROGRESS = ('last_step', '_global_step', '_last_value')


@HOOKS.register_module()
class FixedMaskHook(MaskHook):
    """Loads a ticket before training and keeps its architecture and mask throughout.

    For retraining, the lottery-ticket settings and transfer. It takes the place of ``PruneHook``,
    without a ``SearchHook``; other hooks work as they do with that. A run that is resumed, also
    from a checkpoint of the two-in-one run itself, goes on with the checkpoint's mask; schedules
    then follow the config, e.g. one that was stretched. From a checkpoint of a search alone it goes
    on with the ticket's mask: S+P, retrained.

    Args:
        ticket (str, optional): A ticket file. Not needed where the run goes on from a checkpoint.
        start (str): Weights to start from: ``'ticket'``; ``'random_pruning'`` (the ticket's under a
            random mask); ``'reinitialize'``; or the path of a rewind point.
        seed (int): Of a random mask or newly drawn weights; not that of the ticket's own run.
            Defaults to 1.
        parts (Sequence[str], optional): Parts to carry over, e.g. ``['backbone', 'neck']``; the
            others are new. Defaults to all of the ticket's.
        neck_ticket (str, optional): Another ticket, whose neck is taken.
    """
    priority = 71

    def __init__(self, ticket: str | None = None, start: str = 'ticket', seed: int = 1,
                 parts: Sequence[str] | None = None, neck_ticket: str | None = None):
        self.seed = check_number('FixedMaskHook.seed', seed, low=0, whole=True,
                                 remedy='give e.g. 1')
        self.ticket, self.start = ticket, start
        self.carried = [parts] if isinstance(parts, str) else parts
        self.neck_ticket = neck_ticket
        self.mask = Mask({})
        self._loaded: dict[str, Any] | None = None
        self._sources: dict[str, Ticket] | None = None  # until training starts from them
        self.search_state: dict[str, Any] = {}

    @property
    def survivors(self) -> dict[str, list]:
        """Return the surviving units' indices in the supernet, by group."""
        return self.search_state.get('survivors') or {}

    @property
    def supernet(self) -> dict[str, float] | None:
        """Return costs before the search; None where they are not known."""
        return self.search_state.get('supernet')

    def check_plan(self, plan: RunPlan) -> None:
        plan.check_wrapper('a fixed mask needs a wrapper that masks gradients')
        plan.check_averaged()
        if plan.has(SearchHook):
            raise config_error('FixedMaskHook.ticket', self.ticket,
                               'there is a SearchHook, and the ticket\'s architecture is fixed',
                               'set default_hooks.search=None')
        if self.ticket is not None:
            sources = self.sources()
            for ticket in sources.values():
                accept_ticket(plan, ticket.meta)
            carry_over(copy.deepcopy(plan.model), sources)

    def sources(self) -> dict[str, Ticket]:
        """Return parts of the model to the tickets that they come from; files are read once.

        Raises:
            ConfigError: There is no ticket.
            TicketError: A file is missing, damaged, or the files do not fit each other.
        """
        if self.ticket is None:
            raise config_error('FixedMaskHook.ticket', None, 'there is nothing to train',
                               'give a ticket, or go on from a checkpoint (load_from with '
                               'resume=True)')
        if self._sources is None:
            ticket = starting_point(self.ticket, self.start, self.seed)
            neck = open_neck(self.neck_ticket) if self.neck_ticket else None
            self._sources = choose_parts(ticket, self.carried, neck)
        return self._sources

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        super().after_load_checkpoint(runner, checkpoint)
        if not is_resumed(runner):
            return
        if 'mmst_mask' in checkpoint:
            self._loaded = checkpoint['mmst_mask']
        elif self.ticket is not None:
            self._loaded = dict(kept=dict(Ticket.load(self.ticket).mask))
        else:
            raise TicketError('the checkpoint has no mask in force (search only, or weights were '
                              'reactivated). Remedy: go on from the last checkpoint of the run, '
                              'from its ticket.pth, or from both: then the mask is the ticket\'s.')
        self.search_state = checkpoint.get('mmst_search') or {}
        for state in _as_list(checkpoint.get('param_schedulers')):
            for key in set(state) - set(_PROGRESS):
                del state[key]

    def before_train(self, runner: Runner) -> None:
        if self._loaded is None:
            self._start(runner)
        else:
            self.mask = Mask(self._loaded['kept'])
            self._warn_of_another(runner)
            for scheduler in _as_list(runner.param_schedulers):
                # It stood still where its former length had ended.
                if steps_of(scheduler) >= scheduler.begin:
                    scheduler.last_step = (min(steps_of(scheduler), scheduler.end - 1)
                                           - scheduler.begin)
        self.mask.check_fits({n: p.shape for n, p in unwrapped(runner).named_parameters()})
        self.sparsity = self.mask.sparsity
        self.in_force(runner).put(self.mask)
        refresh_averaged(runner)
        rewrap(runner)
        log_coverage(runner, self)
        if self._loaded is None:
            add_event(runner, 'prune', 0, ratio=self.sparsity, sparsity=self.sparsity,
                      total=self.mask.total, pruned=self.mask.pruned)

    @property
    def select(self) -> dict[str, Any]:
        """Return the parts with weights of the mask, not those that other runs would prune."""
        return dict(parts=tuple(dict.fromkeys(name.partition('.')[0] for name in self.mask)))

    def weights(self, runner: Runner) -> dict[str, nn.Parameter]:
        parameters = dict(unwrapped(runner).named_parameters())
        return {name: parameters[name] for name in self.mask}

    def mask_in_force(self, runner: Runner) -> Mask | None:
        return self.mask

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        super().before_save_checkpoint(runner, checkpoint)
        checkpoint['mmst_search'] = self.search_state

    @torch.no_grad()
    def _start(self, runner: Runner) -> None:
        sources = self.sources()
        for model in models(runner):
            self.mask = carry_over(model, sources)
        if self.carried is None:
            meta = next(iter(sources.values())).meta
            self.search_state = {key: meta.get(key) for key in ('survivors', 'supernet')}
        origins = {part: self._origin(part) for part in sources}
        runner.logger.info(carried_table(unwrapped(runner), self.mask, origins))
        self._sources = None

    def _warn_of_another(self, runner: Runner) -> None:
        """Tell of a checkpoint that is not of this ticket, e.g. of the middle of its own run."""
        if self.ticket is None or self.start != 'ticket':
            return
        recorded = Ticket.load(self.ticket).mask
        names = [name for name in self.mask if name in recorded
                 and not (self.neck_ticket and name.startswith('neck.'))]
        if any(not torch.equal(self.mask[name].cpu(), recorded[name]) for name in names):
            runner.logger.warning(
                f'FixedMaskHook.ticket = {self.ticket!r}: the run goes on with the mask of its '
                f'checkpoint, of {self.mask.sparsity:.2%} sparsity; that of the ticket is another, '
                f'of {recorded.sparsity:.2%}. To train the ticket itself, start again '
                '(resume=False) or from the last checkpoint of its run.')

    def _origin(self, part: str) -> str:
        if part == 'neck' and self.neck_ticket:
            return self.neck_ticket
        return str(self.ticket) + ('' if self.start == 'ticket' else f' ({self.start})')


def _as_list(schedulers: list | dict | None) -> list:
    """Return schedulers, or their states, as one list; several optimizers have a list each."""
    return list(itertools.chain.from_iterable(schedulers.values())) if isinstance(
        schedulers, dict) else schedulers or []
