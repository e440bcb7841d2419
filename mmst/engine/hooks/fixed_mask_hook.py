"""Trains a ticket under its own architecture and mask."""
import copy
from collections.abc import Sequence
from typing import Any

import torch
from mmengine.runner import Runner
from torch import nn

from ...errors import TicketError, config_error
from ...openmmlab.internals import is_resumed
from ...pruning.mask import Mask
from ...registry import HOOKS
from ...search.copyable import copyable
from ...settings.checks import check_names, check_number, check_path
from ...tickets.carried_table import carried_table
from ...tickets.carry import carry_over
from ...tickets.ticket import Ticket
from ..run.coverage import log_coverage
from ..run.events import add_event
from ..run.offered_units import accept_ticket
from ..run.plan import RunPlan
from ..run.rewrap import follow_loaded
from ..run.runner_views import models, unwrap
from ..run.stretched_schedulers import keep_progress, stretch_schedulers
from ..run.ticket_source import TicketSource
from .mask_hook import MaskHook
from .search_hook import SearchHook


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
        check_number('FixedMaskHook.seed', seed, low=0, whole=True, remedy='give e.g. 1')
        file = 'give the path of a ticket file'
        self.source = TicketSource(
            None if ticket is None else check_path('FixedMaskHook.ticket', ticket, file),
            check_path('FixedMaskHook.start', start, "use 'ticket', 'random_pruning', "
                       "'reinitialize' or the path of a rewind point"), seed,
            None if parts is None else check_names(
                'FixedMaskHook.parts', parts, "give e.g. ['backbone', 'neck']"),
            None if neck_ticket is None else check_path(
                'FixedMaskHook.neck_ticket', neck_ticket, file))
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
            raise config_error('FixedMaskHook.ticket', self.source.ticket,
                               'there is a SearchHook, and the ticket\'s architecture is fixed',
                               'set default_hooks.search=None')
        if any(isinstance(hook, MaskHook) and hook is not self for hook in plan.hooks):
            raise config_error('FixedMaskHook.ticket', self.source.ticket,
                               'there is another hook of masks, and the ticket\'s is fixed',
                               'set default_hooks.prune=None, or remove that hook')
        if self.source.ticket is not None:
            sources = self.sources()
            for ticket in sources.values():
                accept_ticket(plan, ticket.meta)
            carry_over(copy.deepcopy(copyable(plan.model)), sources)

    def sources(self) -> dict[str, Ticket]:
        """Return parts of the model to the tickets that they come from; files are read once."""
        if self._sources is None:
            self._sources = self.source.read()
        return self._sources

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        super().after_load_checkpoint(runner, checkpoint)
        if not is_resumed(runner):
            return
        if 'mmst_mask' in checkpoint:
            self._loaded = checkpoint['mmst_mask']
        elif self.source.ticket is not None:
            self._loaded = dict(kept=dict(Ticket.load(self.source.ticket).mask))
        else:
            raise TicketError('the checkpoint has no mask in force (search only, or weights were '
                              'reactivated). Remedy: go on from the last checkpoint of the run, '
                              'from its ticket.pth, or from both: then the mask is the ticket\'s.')
        self.search_state = checkpoint.get('mmst_search') or {}
        keep_progress(checkpoint)

    def before_train(self, runner: Runner) -> None:
        if self._loaded is None:
            self._start(runner)
        else:
            self.mask = Mask(self._loaded['kept'])
            other = self.source.differs_from(self.mask)
            if other:
                runner.logger.warning(other)
            stretch_schedulers(runner)
        self.mask.check_fits({n: p.shape for n, p in unwrap(runner).named_parameters()})
        self.sparsity = self.mask.sparsity
        self.in_force(runner).put(self.mask)
        follow_loaded(runner)
        log_coverage(runner, self)
        if self._loaded is None:
            add_event(runner, 'prune', 0, ratio=self.sparsity, sparsity=self.sparsity,
                      total=self.mask.total, pruned=self.mask.pruned)

    @property
    def select(self) -> dict[str, Any]:
        """Return the parts with weights of the mask, not those that other runs would prune."""
        return dict(parts=tuple(dict.fromkeys(name.partition('.')[0] for name in self.mask)))

    def weights(self, runner: Runner) -> dict[str, nn.Parameter]:
        parameters = dict(unwrap(runner).named_parameters())
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
        if self.source.parts is None:
            meta = next(iter(sources.values())).meta
            self.search_state = {key: meta.get(key) for key in ('survivors', 'supernet')}
        origins = {part: self.source.origin(part) for part in sources}
        runner.logger.info(carried_table(unwrap(runner), self.mask, origins))
        self._sources = None
