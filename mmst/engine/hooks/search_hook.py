"""Searches: the other half of two-in-one training."""
from collections.abc import Sequence
from typing import Any

from mmengine.device import is_cuda_available
from mmengine.runner import Runner

from ...costs.latency.build import build_costs
from ...openmmlab.internals import is_resumed
from ...registry import HOOKS
from ...search.graph.described import describe_channels
from ...search.penalty import warmup as warmed_up
from ...search.searcher import Searcher
from ...settings.checks import check_choice, check_number, check_size
from ..run.agreement import decision_of_first_rank
from ..run.coverage import log_coverage
from ..run.cudnn_trials import stop_trials
from ..run.events import add_event, events
from ..run.offered_units import UNITS, offer_units
from ..run.plan import RunPlan
from ..run.rewrap import rewrap
from ..run.runner_views import averaged_model, find_hook, refresh_averaged, unwrap
from ..run.search_advice import Adviser, advise_after_run, warn
from ..run.steps import iterations_per_step, max_steps, steps_done
from .interval_hook import IntervalHook, check_interval
from .mask_hook import MaskHook


@HOOKS.register_module()
class SearchHook(IntervalHook):
    """Shrinks progressively: every ``interval`` epochs, unimportant search units are removed.

    Between searches it sets the strength of the resource-aware L1 penalty, which the optimizer
    wrapper adds to the gradients: ρ · Σ c_u |γ_u|, with c_u the unit's FLOPs over the mean FLOPs of
    the initial supernet's units (paper Sec. 3.1 and Alg. 1). Removal is physical and in place:
    optimizer state, masks, EMA and DDP follow. ``RecalibrateHook`` renews the BN statistics
    afterwards. In iteration-based runs intervals and warm-up count iterations.

    Args:
        input_shape (Sequence[int]): Height and width at which costs are counted, the task's own.
        interval (int): t_s, in epochs. Defaults to 10.
        threshold (float): ε: units with |γ| below it go. Defaults to 1e-3.
        rho (float): ρ. Defaults to 1.4e-4 (released setting for segmentation).
        warmup (int): Epochs of ρ's linear warm-up from 0. Defaults to 25.
        resource_aware (bool): False: c_u = 1 (network slimming). Defaults to True.
        target_flops (float, optional): Multiply-adds at which the search stops: no more units go
            and the penalty ends. Until then ρ adapts after each search, so that costs fall by the
            same share each time. Defaults to None: it goes on to the end of the run.
        target_params (float, optional): The same for learnable parameters; with both, the search
            goes on until both are met.
        target_ms (float, optional): The same for the milliseconds of one image, as ``table``
            predicts them for the network at the run's target sparsity, if its mask were drawn now.
        divisor (int): Channels of each kernel size are left in multiples of it. Defaults to 1.
        minimum (int): Units that each group keeps at least. Defaults to 0: blocks may vanish.
        leave_alone (Sequence[str]): Module paths that are not searched; ``*`` and ``?`` are
            wildcards. Defaults to none.
        units (str): ``'auto'``: units that modules declare, themselves or by an adapter; without
            any, all channels that can be followed through the network; ``'declared'``: the
            former alone; ``'graph'``: the latter in any case. Defaults to ``'auto'``.
        importance (str): Of units with several scales: ``'mean'`` of their |γ|, ``'max'`` or
            ``'min'``. Defaults to ``'mean'``.
        table (str, optional): Path of a table that ``mmst profile`` has written. With it the
            penalty weighs units by their milliseconds instead of their multiply-adds.
    """
    priority = 70

    def __init__(self, input_shape: Sequence[int], interval: int = 10, threshold: float = 1e-3,
                 rho: float = 1.4e-4, warmup: int = 25, resource_aware: bool = True,
                 target_flops: float | None = None, target_params: float | None = None,
                 divisor: int = 1, minimum: int = 0, leave_alone: Sequence[str] = (),
                 units: str = 'auto', importance: str = 'mean',
                 target_ms: float | None = None, table: str | None = None):
        self.interval = check_interval('SearchHook.interval', interval, 'use the paper\'s 10')
        self.input_shape = check_size(
            'SearchHook.input_shape', input_shape,
            'use the size that the network is deployed at, e.g. (512, 1024)')
        self.warmup = check_number('SearchHook.warmup', warmup, low=0, whole=True,
                                   remedy='use the paper\'s 25')
        self.costs = build_costs(self.input_shape, table, target_ms, 'SearchHook')
        self.searcher = Searcher(
            self.costs, threshold, rho, resource_aware, target_flops, target_params, divisor,
            minimum, leave_alone, importance, target_ms, owner='SearchHook')
        self.threshold, self.rho = self.searcher.threshold, self.searcher.base_rho
        self.units = check_choice('SearchHook.units', units, UNITS)
        self.last_search = 0
        self._advise = Adviser()
        self._loaded: dict[str, Any] | None = None

    @property
    def survivors(self) -> dict[str, list[int]]:
        """Return the surviving units' indices in the supernet, by group."""
        return self.searcher.survivors

    @property
    def supernet(self) -> dict[str, float] | None:
        """Return costs before the search; None before training."""
        return self.searcher.supernet

    def check_plan(self, plan: RunPlan) -> None:
        plan.check_wrapper('the search needs a wrapper that adds its penalty')
        plan.check_length('SearchHook.interval', self.interval)
        plan.check_length('SearchHook.warmup', self.warmup, 'rho would never be reached')
        plan.check_averaged()
        offer_units(plan, self.units, self.input_shape)
        self._foresee_mask(plan)
        self.costs.check(plan.model)
        self.searcher.check(plan.model)

    def before_train(self, runner: Runner) -> None:
        self._foresee_mask(runner)
        warn(runner, self.costs.warning())
        if self._loaded is not None and self._loaded.get('unit') == self.costs.unit:
            self.costs.check_source(self._loaded.get('source'))
        self.searcher.begin(unwrap(runner), self._loaded)
        if self._loaded is not None:
            self.last_search = self._loaded['last_search']
        refresh_averaged(runner)
        self._follow(runner)
        log_coverage(runner, self)
        if is_cuda_available():
            warn(runner, stop_trials())

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch=None) -> None:
        length = self.warmup * iterations_per_step(runner)
        penalty = runner.optim_wrapper.penalty
        penalty.rho = warmed_up(self.searcher.rho, runner.iter, length)
        # Like the losses, of the weights before the step: the logger acts first after it.
        if not batch_idx or self.every_n_inner_iters(batch_idx, 10):
            runner.message_hub.update_scalar('train/penalty', penalty.value())

    def on_step(self, runner: Runner, step: int) -> None:
        if step % self.interval == 0:
            self.search(runner, step)

    def search(self, runner: Runner, step: int) -> None:
        """Remove the unimportant units now; ``step`` is the current epoch or iteration."""
        ema, wrapper = averaged_model(runner), runner.optim_wrapper
        done, searches = step // self.interval, max_steps(runner) // self.interval
        result = self.searcher.step(
            unwrap(runner), ema.module if ema is not None else None,
            (wrapper.optimizer, wrapper.masks, wrapper.returned),
            last=step + self.interval > max_steps(runner), done=done / max(searches, 1),
            agree=decision_of_first_rank)
        self.last_search = step
        if result.removed:
            self._follow(runner)
        warn(runner, *self._advise(step, result, wrapper.optimizer, last=done == searches))
        add_event(runner, 'search', step, **result.details())

    def after_train(self, runner: Runner) -> None:
        """Give advice where no search removed anything."""
        super().after_train(runner)
        if self.last_search != steps_done(runner) // self.interval * self.interval:
            return  # cut off between steps: it goes on
        searches = [event for event in events(runner) if event['kind'] == 'search']
        warn(runner, advise_after_run(searches, self.rho, self.warmup,
                                      self.searcher.meets_target(unwrap(runner))))

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        super().before_save_checkpoint(runner, checkpoint)
        checkpoint['mmst_search'] = dict(
            self.searcher.state(), source=self.costs.source, last_search=self.last_search,
            **describe_channels(unwrap(runner)))

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        super().after_load_checkpoint(runner, checkpoint)
        self._loaded = checkpoint.get('mmst_search') if is_resumed(runner) else None

    def _foresee_mask(self, run: Runner | RunPlan) -> None:
        """Let costs be those under the mask that the run would end with."""
        masks = find_hook(run, MaskHook)
        if masks is not None:
            self.costs.foresee(masks.forecast)

    def _follow(self, runner: Runner) -> None:
        """Let distributed wrapper and penalty follow the network's shapes."""
        rewrap(runner)
        runner.optim_wrapper.penalty = self.searcher.penalty(unwrap(runner))
