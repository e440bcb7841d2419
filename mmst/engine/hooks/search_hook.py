"""The search half of two-in-one training."""
from collections.abc import Sequence

import torch
from mmengine import dist
from mmengine.runner import Runner

from ...costs.cost import feature_sizes, layer_costs, total
from ...errors import config_error
from ...pruning.prunable import covers
from ...registry import HOOKS
from ...search.cost import mean_macs, unit_macs
from ...search.histogram import importance_histogram
from ...search.importance import Keep, importances, units_to_keep
from ...search.penalty import L1Penalty, warmup
from ...search.scales import penalty_terms
from ...search.surgery import Cut
from ...search.target import (
    TOLERANCE,
    SearchTarget,
    adapt_factor,
    copy_without_units,
    limit_removal,
    round_counts,
)
from ...search.units import find_units, module_path
from ..run.coverage import log_coverage
from ..run.events import add_event, events
from ..run.plan import RunPlan
from ..run.rewrap import rewrap
from ..run.runner_views import averaged, refresh_averaged, unwrapped
from ..run.search_advice import advice, dropped_state, nearness
from .interval_hook import IntervalHook, check_interval, iterations_per_step, max_steps, steps_done


@HOOKS.register_module()
class SearchHook(IntervalHook):
    """Progressive shrinking: every ``interval`` epochs, unimportant search units are removed.

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
        divisor (int): Channels of each kernel size are left in multiples of it. Defaults to 1.
        minimum (int): Units that each group keeps at least. Defaults to 0: blocks may vanish.
        leave_alone (Sequence[str]): Module paths that are not searched; ``*`` and ``?`` are
            wildcards. Defaults to none.
    """
    priority = 70

    def __init__(self, input_shape: Sequence[int], interval: int = 10, threshold: float = 1e-3,
                 rho: float = 1.4e-4, warmup: int = 25, resource_aware: bool = True,
                 target_flops: float | None = None, target_params: float | None = None,
                 divisor: int = 1, minimum: int = 0, leave_alone: Sequence[str] = ()):
        self.interval = check_interval('SearchHook.interval', interval, 'use the paper\'s 10')
        _check_settings(input_shape, threshold, rho, warmup)
        self.input_shape = tuple(input_shape)
        self.threshold, self.rho, self.warmup = threshold, rho, warmup
        self.resource_aware = resource_aware
        _check_limits(target_flops, target_params, divisor, minimum)
        self.target = SearchTarget(target_flops, target_params)
        self.divisor, self.minimum = divisor, minimum
        self.leave_alone = [leave_alone] if isinstance(leave_alone, str) else list(leave_alone)
        self.rho_factor = 1.
        self.last_search = 0
        self._told_of_dropped = False
        self.mean_macs: float | None = None
        self.supernet: dict[str, float] | None = None
        self.survivors: dict[str, list[int]] = {}
        self._loaded: dict | None = None

    def check_plan(self, plan: RunPlan) -> None:
        plan.check_wrapper('the search needs a wrapper that adds its penalty')
        plan.check_length('SearchHook.interval', self.interval)
        plan.check_length('SearchHook.warmup', self.warmup, 'rho would never be reached')
        plan.check_averaged()
        if not find_units(plan.model):
            searched = type(getattr(plan.model, 'backbone', plan.model)).__name__
            raise config_error('model.backbone.type', searched, 'it offers no search units',
                               'use mmst.HRNASSupernet or write an adapter (mmst.search.adapters)')
        self._check_names(plan.model)
        if self.target:
            self._check_target(plan.model)

    def before_train(self, runner: Runner) -> None:
        # Removal changes channels, never heights and widths: traced once.
        self._sizes = feature_sizes(unwrapped(runner), self.input_shape)
        self._restore(runner, find_units(unwrapped(runner)))
        refresh_averaged(runner)
        rewrap(runner)
        self._set_penalty(runner)
        log_coverage(runner, self)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch=None) -> None:
        length = self.warmup * iterations_per_step(runner)
        penalty = runner.optim_wrapper.penalty
        penalty.rho = warmup(self.rho * self.rho_factor, runner.iter, length)
        # Like the losses, of the weights before the step: the logger acts first after it.
        if not batch_idx or self.every_n_inner_iters(batch_idx, 10):
            runner.message_hub.update_scalar('train/penalty', penalty.value())

    def on_step(self, runner: Runner, step: int) -> None:
        if step % self.interval == 0:
            self.search(runner, step)

    def search(self, runner: Runner, step: int) -> None:
        """Remove the unimportant units now; ``step`` is the current epoch or iteration."""
        groups = find_units(unwrapped(runner))
        ema = averaged(runner)
        ema_groups = find_units(ema.module) if ema is not None else None
        importance = importances(groups, ema_groups, self._is_last(runner, step))
        histogram = importance_histogram(groups, importance)
        decision = [self._decide(runner, step, groups, ema_groups, importance)]
        dist.broadcast_object_list(decision)
        removed = []
        wrapper = runner.optim_wrapper
        cut, ema_cut = Cut(wrapper.optimizer, wrapper.masks, wrapper.returned), Cut()
        for name, index in decision[0].items():
            removed.append(_removal(name, groups[name], index))
            groups[name].keep(torch.tensor(index, dtype=torch.long), cut)
            if ema_groups is not None:
                ema_groups[name].keep(torch.tensor(index, dtype=torch.long), ema_cut)
            self.survivors[name] = [self.survivors[name][i] for i in index]
        self.last_search = step
        _warn_of_emptied(runner, step, removed)
        if removed:
            refresh_averaged(runner)
            rewrap(runner)
            self._set_penalty(runner)
        costs = self._costs(unwrapped(runner))
        self._adapt(runner, step, costs)
        self._warn_of_dropped(runner, cut)
        add_event(runner, 'search', step, removed=removed, importance=histogram, **costs,
                  **nearness((values for name, values in importance.items()
                              if not self.leaves_alone(name)), self.threshold))

    def after_train(self, runner: Runner) -> None:
        """Say what to change where no search removed anything."""
        super().after_train(runner)
        if self.last_search != steps_done(runner) // self.interval * self.interval:
            return  # cut off between steps: it goes on
        searches = [event for event in events(runner) if event['kind'] == 'search']
        met = bool(self.target) and self.target.ratio(self._costs(unwrapped(runner))) <= 1
        told = advice(searches, self.rho, self.warmup, met)
        if told is not None:
            runner.logger.warning(told)

    def _warn_of_dropped(self, runner: Runner, cut: Cut) -> None:
        told = dropped_state(runner.optim_wrapper.optimizer, cut.dropped)
        if told is not None and not self._told_of_dropped:
            runner.logger.warning(told)
            self._told_of_dropped = True

    def _is_last(self, runner: Runner, step: int) -> bool:
        return step + self.interval > max_steps(runner)

    def _decide(self, runner: Runner, step: int, groups, ema_groups, importance) -> Keep:
        """Which units stay, of the groups that lose one."""
        if self.target and self.target.ratio(self._costs(unwrapped(runner))) <= 1:
            return {}
        last, keep = self._is_last(runner, step), {}
        for name, stays in units_to_keep(groups, ema_groups, self.threshold, last).items():
            if not self.leaves_alone(name):
                stays = round_counts(groups[name].kernel_sizes, stays, importance[name],
                                     self.divisor, max(self.minimum, groups[name].minimum))
                if len(stays) < len(groups[name]):
                    keep[name] = stays
        if not self.target or not keep:
            return keep
        return limit_removal(unwrapped(runner), keep, importance,
                             lambda model: self.target.ratio(self._costs(model)))

    def _adapt(self, runner: Runner, step: int, costs: dict[str, float]) -> None:
        """Change ρ by how far the search is; end the penalty where the target is met."""
        if not self.target:
            return
        ratio, steps = self.target.ratio(costs), max_steps(runner)
        searches = steps // self.interval
        if ratio <= 1 + TOLERANCE:
            self.rho_factor = 0.
        elif self.rho_factor:
            self.rho_factor = adapt_factor(self.rho_factor, ratio, self.target.ratio(self.supernet),
                                      step // self.interval / searches)
        if step // self.interval == searches and ratio > 1 + TOLERANCE:
            runner.logger.warning(
                f'search at {step}: the network costs {ratio:.3f} of its target, and this was the '
                'last search. Train anew with a higher SearchHook.rho or threshold, or longer.')

    def _costs(self, model) -> dict[str, float]:
        return total(layer_costs(model, self.input_shape))

    def leaves_alone(self, group: str) -> bool:
        """Whether a group of search units stays as it is (``leave_alone``)."""
        return any(covers(pattern, module_path(group)) for pattern in self.leave_alone)

    def _check_names(self, model) -> None:
        names = [module_path(name) for name in find_units(model)]
        for pattern in self.leave_alone:
            if not any(covers(pattern, name) for name in names):
                raise config_error('SearchHook.leave_alone', pattern, 'no searched layer has this '
                                   'name', f'take names such as {names[0]!r}')

    def _check_target(self, model) -> None:
        """Refuse targets that are met from the start, or by no network at all."""
        groups = find_units(model)
        least = {name: list(range(min(len(group), max(self.minimum, group.minimum))))
                 for name, group in groups.items() if not self.leaves_alone(name)}
        whole, smallest = self._costs(model), self._costs(copy_without_units(model, least))
        wanted = [(f'SearchHook.target_{name}', value, whole[cost], smallest[cost])
                  for name, cost, value in (('flops', 'macs', self.target.macs),
                                            ('params', 'params', self.target.params))
                  if value is not None]
        for key, value, most, least in wanted:
            if value < least:
                raise config_error(key, value, f'what no search can remove costs {least:.6g}',
                                   f'set it between that and {most:.6g}, the cost of the whole '
                                   'network')
        if self.target.ratio(whole) <= 1:
            key, value, most, least = wanted[0]
            raise config_error(key, value, f'the whole network costs {most:.6g}, so the search '
                               'would remove nothing', f'set it between {least:.6g} and that, or '
                               'leave it away')

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        super().before_save_checkpoint(runner, checkpoint)
        checkpoint['mmst_search'] = dict(mean_macs=self.mean_macs, supernet=self.supernet,
                                         survivors=self.survivors, last_search=self.last_search,
                                         rho_factor=self.rho_factor)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        super().after_load_checkpoint(runner, checkpoint)
        self._loaded = checkpoint.get('mmst_search') if runner._resume else None

    def _restore(self, runner: Runner, groups) -> None:
        if self._loaded is not None:
            for name in ('mean_macs', 'supernet', 'survivors', 'last_search'):
                setattr(self, name, self._loaded[name])
            self.rho_factor = self._loaded.get('rho_factor', 1.)
            return
        self.mean_macs = mean_macs(unit_macs(groups, self._sizes))
        self.supernet = total(layer_costs(unwrapped(runner), self.input_shape))
        self.survivors = {name: list(range(len(group))) for name, group in groups.items()}

    def _set_penalty(self, runner: Runner) -> None:
        groups = {name: group for name, group in find_units(unwrapped(runner)).items()
                  if not self.leaves_alone(name)}
        macs = unit_macs(groups, self._sizes)
        costs = {name: macs[name] / self.mean_macs if self.resource_aware
                 else torch.ones(len(group)) for name, group in groups.items()}
        runner.optim_wrapper.penalty = L1Penalty(*penalty_terms(groups, costs))


def _removal(name: str, group, index: list[int]) -> dict:
    left = [group.kernel_sizes[i] for i in index]
    counts = {
        label: group.kernel_sizes.count(label) - left.count(label)
        for label in set(group.kernel_sizes)
    }
    return dict(group=name, kind=group.kind, removed={k: n for k, n in counts.items() if n},
                left=len(left))


def _warn_of_emptied(runner: Runner, step: int, removed: list[dict]) -> None:
    emptied = [removal['group'] for removal in removed if not removal['left']]
    if emptied:
        more = f' and {len(emptied) - 3} more' if len(emptied) > 3 else ''
        runner.logger.warning(
            f'search at {step}: nothing is left of {", ".join(emptied[:3])}{more}: their residual '
            'paths remain. If that is too much, train anew with a lower SearchHook.rho.')


def _check_settings(input_shape, threshold, rho, warmup_epochs) -> None:
    pair = isinstance(input_shape, (list, tuple)) and len(input_shape) == 2
    if not pair or not all(isinstance(n, int) and n > 0 for n in input_shape):
        raise config_error('SearchHook.input_shape', input_shape,
                           'must be (height, width) in pixels',
                           'use the size that the network is deployed at, e.g. (512, 1024)')
    if not isinstance(threshold, (int, float)) or not 0 < threshold < 1:
        raise config_error('SearchHook.threshold', threshold, 'must lie between 0 and 1',
                           'use the paper\'s 1e-3')
    if not isinstance(rho, (int, float)) or not 0 <= rho < float('inf'):
        raise config_error('SearchHook.rho', rho, 'must be 0 or above', 'use the released 1.4e-4')
    if not isinstance(warmup_epochs, int) or warmup_epochs < 0:
        raise config_error('SearchHook.warmup', warmup_epochs, 'must be a whole number, 0 or above',
                           'use the paper\'s 25')


def _check_limits(target_flops, target_params, divisor, minimum) -> None:
    for name, value in (('target_flops', target_flops), ('target_params', target_params)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float))
                                  or not 0 < value < float('inf')):
            raise config_error(f'SearchHook.{name}', value, 'must be above 0',
                               'give the number itself, e.g. 2.03e9 multiply-adds, or None')
    for name, value, least in (('divisor', divisor, 1), ('minimum', minimum, 0)):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise config_error(f'SearchHook.{name}', value,
                               f'must be a whole number, {least} or above', f'use {least}, or 8')
