"""Prunes: one half of two-in-one training."""
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from mmengine.hooks import EMAHook
from mmengine.runner import Runner
from torch import nn

from ...costs.latency.timed_allocation import build_allocation
from ...costs.network_costs import Select
from ...errors import config_error
from ...openmmlab.internals import is_resumed
from ...pruning.build import criterion_name
from ...pruning.mask import Mask
from ...pruning.prunable import PARTS
from ...pruning.pruner import Pruner, PruneResult
from ...registry import HOOKS
from ...settings.checks import check_flag
from ..run.coverage import log_coverage
from ..run.events import add_event, is_lifted_at
from ..run.invariant import check_pruned_are_zero
from ..run.mask_state import MASK, RETURNED, restore
from ..run.plan import RunPlan
from ..run.pruning_context import RunnerContext, rehearse_draw, spread_schedule
from ..run.rewrap import follow_loaded
from ..run.runner_views import find_hook, unwrap
from ..run.search_advice import warn
from ..run.since_return import SinceReturn
from ..run.steps import counts_iterations, has_ended, max_steps
from .interval_hook import check_interval
from .level_training import DEFAULT_EVERY, build_levels
from .mask_hook import MaskHook
from .search_hook import SearchHook


@HOOKS.register_module()
class PruneHook(MaskHook):
    """Prunes progressively by magnitude, with iterative reactivation (paper Sec. 3.2, Alg. 1).

    Every ``interval`` epochs a mask is drawn; from then on pruned weights are 0 and get no
    gradient, until they are reactivated. The last step of a run always ends at the target sparsity.
    In iteration-based runs the interval counts iterations.

    Args:
        sparsity (float): Target p, a share of the prunable weights.
        interval (int): t_p, in epochs. Defaults to 25.
        schedule (str): ``'progressive'`` (PP), ``'one_shot'``, ``'cubic'`` (GMP), ``'alternating'``
            (AC/DC), or another registered schedule.
        criterion (str): ``'magnitude'``, ``'lamp'`` (as a share of what stays in the layer), or
            another registered criterion; by ``'obc'`` the last prune alone is drawn: the first that
            reaches ``sparsity`` with no reactivation to come, since later ones have no weight left
            to choose.
        scope (str): ``'global'``; ``'layer'``; or ``'n:m'``, e.g. ``'2:4'``: n of every m weights
            in a row stay, and ``sparsity`` must be 1 - n / m. Before the schedule's end each group
            loses the share that it asks for, rounded up to whole weights. Defaults to ``'global'``.
        reactivation (str, optional): ``'search'`` (IR-S): every search lifts the mask until the
            next prune; ``'prune'`` (IR-P): lifted right after pruning; None: never.
        revive (str): Reactivated weights start from ``'zero'`` or from the ``'value'`` that they
            had when pruned; a value that was not trained after its return enters no ticket.
            Defaults to ``'zero'``.
        parts (Sequence[str]): Parts of the model to prune, by the names of its attributes; others
            than it has are refused. Defaults to backbone and neck, where there are. The log says at
            the start which share of all parameters that is, and which parts are left out.
        transformers (bool): Whether Transformers are pruned too. Defaults to True.
        leave_alone (Sequence[str]): Paths of layers not to prune, with wildcards.
        family (Sequence[float], optional): Sparsities of nested masks that one run trains, of which
            ``sparsity`` is one. While a mask is in force, every ``family_every``-th step has a
            second pass on its images at one of the other levels that there are by then, drawn at
            random. At the end each level gets BN statistics of its own, is evaluated, and all of
            them are written as ``family.pth``, next to ``ticket.pth``. It needs
            ``revive='value'`` and the criterion ``'magnitude'``. Defaults to None.
        family_every (int): See ``family``. Defaults to 4.
        allocation (str, optional): By the times of ``table`` layers keep more of their weights
            where one costs less: ``'ms'``: the least milliseconds, losing no more magnitude than an
            even draw; ``'magnitude'``: the least loss of magnitude, in no more milliseconds than
            ``target_ms``, or else than an even draw, which keeps the same share of each layer. It
            takes the place of ``scope``, leaves each layer half of the magnitude that this would,
            and goes by the scores of the criterion, ``'magnitude'`` or ``'lamp'``. Defaults to
            None.
        table (str, optional): Path of a table that ``mmst profile`` has written.
        target_ms (float, optional): The milliseconds that the network may take at the target
            sparsity, with ``allocation='magnitude'``; earlier masks are drawn by the prices that
            lead there. Defaults to None.
        debug (bool): Check after every step that pruned weights are exactly 0, the averaged ones
            too. Defaults to False.
    """
    priority = 71
    chooses_parts = True

    def __init__(self, sparsity: float, interval: int = 25, schedule: str = 'progressive',
                 criterion: str = 'magnitude', scope: str = 'global',
                 reactivation: str | None = 'search', revive: str = 'zero',
                 parts: Sequence[str] = PARTS, transformers: bool = True,
                 leave_alone: Sequence[str] = (), debug: bool = False,
                 family: Sequence[float] | None = None, family_every: int = DEFAULT_EVERY,
                 allocation: str | None = None, table: str | None = None,
                 target_ms: float | None = None):
        self.interval = check_interval('PruneHook.interval', interval, 'use the paper\'s 25')
        self.pruner = Pruner(sparsity, schedule, criterion, scope, reactivation, revive, parts,
                             transformers, leave_alone, owner='PruneHook')
        self.pruner.allocation = build_allocation(
            allocation, table, self.pruner, family, target_ms)
        self.debug = check_flag('PruneHook.debug', debug)
        self.sparsity, self.target_ms = self.pruner.sparsity, target_ms
        self.schedule, self.criterion = self.pruner.schedule, self.pruner.criterion
        self.keep_values = self.pruner.revive == 'value'
        self.levels = build_levels(family, family_every, self.pruner)
        self._loaded: dict[str, Any] = {}

    @property
    def drawn(self) -> Mask | None:
        return self.pruner.drawn

    @property
    def select(self) -> dict[str, Any]:
        return self.pruner.select

    def forecast(self, model: nn.Module, select: Select) -> Mask:
        return self.pruner.forecast(model, select)

    def check_plan(self, plan: RunPlan) -> None:
        plan.check_wrapper('pruning needs a wrapper that masks gradients')
        plan.check_length('PruneHook.interval', self.interval)
        plan.check_averaged()
        if self.pruner.reactivation == 'search' and not plan.has(SearchHook):
            raise config_error('PruneHook.reactivation', 'search', 'there is no SearchHook',
                               'add a SearchHook or set reactivation=None')
        if self.levels.every is not None:
            self.check_trains_under_masks(plan, 'PruneHook.family_every', self.levels.every)
        self.levels.check_plan(plan)
        search = find_hook(plan, SearchHook)
        if search is not None:
            self._check_beside(search)
        self.pruner.check(plan.model)
        self.pruner.allocation.follow(plan.model)
        self.pruner.begin(plan.steps // self.interval)

    def _check_beside(self, search: SearchHook) -> None:
        """Refuse a search of other times, and one that aims at a time, as the masks do.

        Raises:
            ConfigError: Naming the key.
        """
        searched = search.searcher.target.ms
        if self.target_ms is not None and searched is not None:
            raise config_error('PruneHook.target_ms', self.target_ms, 'SearchHook.target_ms = '
                               f'{searched} foresees masks that take no longer, and would remove '
                               'nothing', 'omit one of them; target_flops goes with this one')
        self.pruner.allocation.check_beside(search.costs)

    def check_trains_under_masks(self, plan: RunPlan, key: str, every: int) -> None:
        """Refuse what acts in every n-th iteration under a mask, where none of these has one.

        Args:
            plan (RunPlan): Of the run.
            key (str): Of the setting.
            every (int): n.

        Raises:
            ConfigError: Naming the key.
        """
        if self.pruner.reactivation == 'prune':
            raise config_error(key, every, 'PruneHook.reactivation=\'prune\' lifts masks before '
                               'anything is trained under them, so it would never act',
                               'set reactivation to \'search\' or None, or leave it out')
        plan.check_every(key, every, self.interval)

    def before_train(self, runner: Runner) -> None:
        allocation, search = self.pruner.allocation, find_hook(runner, SearchHook)
        allocation.follow(unwrap(runner))
        if search is None or search.costs.source is None:  # which warns of the same table
            warn(runner, allocation.warning())
        spread_schedule(runner, self.pruner, self.interval)
        if search is None:
            follow_loaded(runner)
        ema = find_hook(runner, EMAHook) if self.pruner.revives else None
        self._averages = SinceReturn(ema) if ema is not None else None
        log_coverage(runner, self)
        restore(self.in_force(runner), unwrap(runner), self._averages, self._loaded)
        self.levels.restore(self.in_force(runner))

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch=None) -> None:
        step = runner.iter if counts_iterations(runner) else runner.epoch
        self._record(runner, step, self.pruner.begin_step(self.in_force(runner)))
        self.levels.begin_iteration(runner)

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch=None,
                         outputs=None) -> None:
        self.levels.end_iteration(runner)
        if self._averages is not None:
            self._averages.update()
        if self.debug:
            in_force = self.in_force(runner)
            check_pruned_are_zero(in_force.weights, in_force.holder.masks, in_force.copies)
        super().after_train_iter(runner, batch_idx, data_batch, outputs)

    def on_step(self, runner: Runner, step: int) -> None:
        if self._averages is not None:
            self._averages.update()  # some EMA hooks average at the ends of epochs
        search = find_hook(runner, SearchHook)
        result = self.pruner.step(
            self.in_force(runner), step // self.interval, due=step % self.interval == 0,
            searched=search is not None and search.last_search == step,
            last=step == max_steps(runner), context=RunnerContext(runner, step),
            stays=self._stays(runner, step),
            on_lift=lambda lifted: self._record(runner, step, lifted))
        self._record(runner, step, replace(result, revived=None))

    def on_stop(self, runner: Runner, step: int) -> None:
        """End at the target sparsity, also a run that is stopped early."""
        result = self.pruner.stop(self.in_force(runner), is_lifted_at(runner, step),
                                  RunnerContext(runner, step), self._stays(runner, step))
        self._record(runner, step, result)
        if result.early:
            runner.logger.warning(
                f'PruneHook.criterion = {criterion_name(self.criterion)!r}: the run was stopped '
                'before the prune that it was to draw, and the mask is by magnitude. Train to '
                'the end, or prune its dense checkpoint with mmst prune.')

    def _stays(self, runner: Runner, step: int) -> bool:
        search = find_hook(runner, SearchHook)
        return self.pruner.stays_after(step, max_steps(runner), self.interval,
                                       search and search.interval)

    def after_run(self, runner: Runner) -> None:
        if has_ended(runner) and self.at_target(runner):
            self.levels.write(runner, self.in_force(runner))

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        super().before_save_checkpoint(runner, checkpoint)
        checkpoint.update(self.levels.state(self.in_force(runner)))

    def draw(self, runner: Runner, step: int, ratio: float) -> None:
        """Draw the mask of sparsity ``ratio`` now and put it in force."""
        mask = self.pruner.draw(self.in_force(runner), ratio, RunnerContext(runner, step),
                                stays=self._stays(runner, step))
        self._record(runner, step, PruneResult(mask=mask, ratio=ratio))

    def lift(self, runner: Runner, step: int) -> None:
        """Reactivate all pruned weights now."""
        self._record(runner, step, PruneResult(self.in_force(runner).lift()))

    def rehearse(self, runner: Runner, batch: Any) -> None:
        rehearse_draw(runner, self.pruner, self.weights(runner), batch)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        super().after_load_checkpoint(runner, checkpoint)
        if is_resumed(runner):
            self._loaded = {key: checkpoint.get(key) for key in (MASK, RETURNED)}
            self.levels.load(checkpoint)

    def _record(self, runner: Runner, step: int, result: PruneResult) -> None:
        if result.revived is not None:
            add_event(runner, 'reactivate', step, revived=result.revived)
        if result.mask is not None:
            add_event(runner, 'prune', step, **result.details())
            warn(runner, self.pruner.allocation.shortfall())
        self.levels.draw(self.in_force(runner), result.ratio)
