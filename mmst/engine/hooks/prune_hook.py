"""Prunes: one half of two-in-one training."""
from collections.abc import Sequence

import torch
from mmengine import dist
from mmengine.hooks import EMAHook
from mmengine.runner import Runner
from torch import nn

from ...errors import config_error
from ...pruning.acting import check_zeros_act
from ...pruning.build import build_registered, scores_of
from ...pruning.draw import count_to_prune, draw_mask
from ...pruning.mask import Mask
from ...pruning.matrices import find_matrices
from ...pruning.prunable import prunable_weights, with_new_kinds
from ...pruning.reactivation import REVIVE
from ...pruning.scope import check_scope
from ...registry import CRITERIA, HOOKS, SCHEDULES
from ..run.batches import criterion_gradients
from ..run.coverage import log_coverage
from ..run.events import add_event, events
from ..run.invariant import check_pruned_are_zero
from ..run.mask_state import MASK, RETURNED, checked, mask_state, restore_returned, returned_state
from ..run.plan import RunPlan
from ..run.rewrap import rewrap
from ..run.runner_views import averaged, find_hook, refresh_averaged, unwrapped
from ..run.since_return import SinceReturn
from .interval_hook import IntervalHook, check_interval, counts_iterations, max_steps, trains
from .search_hook import SearchHook

REACTIVATION = ('search', 'prune', None)
#: Parts that are pruned by default, as far as a model has them.
PARTS = ('backbone', 'neck')


@HOOKS.register_module()
class PruneHook(IntervalHook):
    """Prunes progressively by global magnitude, with iterative reactivation (paper Sec. 3.2, Alg.
    1).

    Every ``interval`` epochs a mask is drawn; from then on pruned weights are 0 and get no
    gradient, until they are reactivated. The last step of a run always ends at the target sparsity.
    In iteration-based runs the interval counts iterations.

    Args:
        sparsity (float): Target p, a share of the prunable weights.
        interval (int): t_p, in epochs. Defaults to 25.
        schedule (str): ``'progressive'`` (PP) or ``'one_shot'``, or another registered schedule.
        criterion (str): ``'magnitude'`` or another registered criterion.
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
        debug (bool): Check after every step that pruned weights are exactly 0, the averaged ones
            too. Defaults to False.
    """
    priority = 71

    def __init__(self, sparsity: float, interval: int = 25, schedule: str = 'progressive',
                 criterion: str = 'magnitude', scope: str = 'global',
                 reactivation: str | None = 'search', revive: str = 'zero',
                 parts: Sequence[str] = PARTS, transformers: bool = True,
                 leave_alone: Sequence[str] = (), debug: bool = False):
        if not isinstance(sparsity, (int, float)) or not 0 < sparsity < 1:
            raise config_error('PruneHook.sparsity', sparsity, 'must lie between 0 and 1',
                               'give the share of weights to prune, e.g. 0.9')
        self.interval = check_interval('PruneHook.interval', interval, 'use the paper\'s 25')
        check_scope('PruneHook.scope', scope, sparsity, 'PruneHook.sparsity')
        _check_choice('reactivation', reactivation, REACTIVATION)
        _check_choice('revive', revive, REVIVE)
        self.sparsity, self.scope = sparsity, scope
        self.reactivation, self.revive = reactivation, revive
        self.schedule = build_registered(SCHEDULES, 'PruneHook.schedule', schedule,
                                         sparsity=sparsity)
        self.criterion = build_registered(CRITERIA, 'PruneHook.criterion', criterion)
        self.select = dict(parts=_names(parts), transformers=transformers,
                           leave_alone=_names(leave_alone))
        self.debug = debug
        self.drawn: Mask | None = None
        self._loaded: dict | None = None
        self._loaded_returned: dict | None = None
        self._averages: SinceReturn | None = None

    def check_plan(self, plan: RunPlan) -> None:
        plan.check_wrapper('pruning needs a wrapper that masks gradients')
        plan.check_length('PruneHook.interval', self.interval)
        plan.check_averaged()
        if self.reactivation == 'search' and not plan.has(SearchHook):
            raise config_error('PruneHook.reactivation', 'search', 'there is no SearchHook',
                               'add a SearchHook or set reactivation=None')
        _check_parts(plan.model, self.select['parts'])
        weights = prunable_weights(plan.model, **self.select)
        check_zeros_act(plan.model, weights)
        sizes = [weight.numel() for weight in weights.values()]
        left = sum(sizes) - count_to_prune(sum(sizes), self.sparsity)
        if left < len(sizes):
            raise config_error('PruneHook.sparsity', self.sparsity, f'it leaves {left} of '
                               f'{sum(sizes)} weights in {len(sizes)} layers, so nothing gets '
                               'through the network', 'use 0.98 or less')

    def before_train(self, runner: Runner) -> None:
        reached = self.schedule.at(max_steps(runner) // self.interval)
        if reached < self.sparsity:
            runner.logger.warning(
                f'PruneHook.interval = {self.interval}: the schedule ends at {reached:.0%} of the '
                f'target {self.sparsity:.0%}; the last step draws the rest at once.')
        if find_hook(runner, SearchHook) is None:
            # What was loaded may be a searched network.
            refresh_averaged(runner)
            rewrap(runner)
        ema = find_hook(runner, EMAHook) if self.reactivation else None
        self._averages = SinceReturn(ema) if ema is not None else None
        weights = self.weights(runner)
        log_coverage(runner, self)
        if self._loaded is not None:
            kept = with_new_kinds(self._loaded['kept'], weights, unwrapped(runner))
            self._put_in_force(runner, checked(kept, weights))
            for name, value in self._loaded['values'].items():
                runner.optim_wrapper.masks[weights[name]]['value'] = value.to(weights[name].device)
        if self._loaded_returned is not None:
            runner.optim_wrapper.returned = restore_returned(
                self._loaded_returned, weights, self._averages)

    def weights(self, runner: Runner) -> dict[str, nn.Parameter]:
        """Return the prunable weights by parameter name."""
        return prunable_weights(unwrapped(runner), **self.select)

    def mask_in_force(self, runner: Runner) -> Mask | None:
        """The mask that training keeps to, or None while weights are reactivated."""
        masks = runner.optim_wrapper.masks if trains(runner) else {}
        if not masks:
            return None
        weights = self.weights(runner)
        return Mask({name: ~masks[w]['pruned'] for name, w in weights.items() if w in masks})

    def at_target(self, runner: Runner) -> bool:
        """Whether the network has the run's target sparsity now, to within one weight."""
        mask = self.drawn or self.mask_in_force(runner)
        return mask is not None and mask.sparsity >= self.sparsity - 1.5 / max(mask.total, 1)

    def before_train_epoch(self, runner: Runner) -> None:
        self._begin_step(runner)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch=None) -> None:
        self._begin_step(runner)

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch=None,
                         outputs=None) -> None:
        if self._averages is not None:
            self._averages.update()
        if self.debug:
            self.check_masks(runner)
        super().after_train_iter(runner, batch_idx, data_batch, outputs)

    def check_masks(self, runner: Runner) -> None:
        """Refuse pruned weights that are not exactly 0, the averaged ones too.

        Raises:
            TrainingError: Naming the parameter that drifted.
        """
        ema = averaged(runner)
        check_pruned_are_zero(self.weights(runner), runner.optim_wrapper.masks,
                              dict(ema.module.named_parameters()) if ema is not None else None)

    def on_step(self, runner: Runner, step: int) -> None:
        if self._averages is not None:
            self._averages.update()  # some EMA hooks average at the ends of epochs
        searched, last = _searched_at(runner, step), step == max_steps(runner)
        # No training follows the last search: old values would enter the ticket as they are.
        if searched and self.reactivation == 'search' and not (last and self.revive == 'value'):
            self.lift(runner, step)
        ratio = self.schedule.at(step // self.interval)
        if step % self.interval == 0 or (last and not self.at_target(runner)):
            self.draw(runner, step, self.sparsity if last else ratio)
        elif searched and self._below(runner, ratio):
            self.draw(runner, step, ratio)

    def on_stop(self, runner: Runner, step: int) -> None:
        """End at the target sparsity, also a run that is stopped early."""
        if self.revive == 'value' and _lifted_at(runner, step):
            # Nothing was trained since: the last prune's mask holds, for weights that are left.
            returned = runner.optim_wrapper.returned
            self._put_in_force(runner, Mask({name: ~returned[w]['returned']
                                             for name, w in self.weights(runner).items()}))
        if not self.at_target(runner):
            self.draw(runner, step, self.sparsity)

    def draw(self, runner: Runner, step: int, ratio: float) -> None:
        """Draw the mask of sparsity ``ratio`` now and put it in force."""
        weights = self.weights(runner)
        gradients = criterion_gradients(runner, self.criterion, weights, runner.seed + step)
        scores = scores_of(self.criterion, weights, gradients)
        mask = draw_mask(scores, ratio, self.scope, self.mask_in_force(runner))
        for kept in mask.values():
            _broadcast(kept)
        self._put_in_force(runner, mask)
        self.drawn = mask
        add_event(runner, 'prune', step, ratio=ratio, sparsity=mask.sparsity, total=mask.total,
                  pruned=mask.pruned)

    def lift(self, runner: Runner, step: int) -> None:
        """Reactivate all pruned weights now."""
        mask = self.mask_in_force(runner)
        if mask is not None:
            runner.optim_wrapper.lift_masks()
            if self._averages is not None:
                self._averages.begin(self.weights(runner), runner.optim_wrapper.returned)
            add_event(runner, 'reactivate', step, revived=mask.pruned)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        super().before_save_checkpoint(runner, checkpoint)
        wrapper, weights = runner.optim_wrapper, self.weights(runner)
        if self.mask_in_force(runner) is not None:
            checkpoint[MASK] = mask_state(wrapper.masks, weights)
        if wrapper.returned:
            checkpoint[RETURNED] = returned_state(wrapper.returned, weights, self._averages)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        super().after_load_checkpoint(runner, checkpoint)
        self._loaded = checkpoint.get(MASK) if runner._resume else None
        self._loaded_returned = checkpoint.get(RETURNED) if runner._resume else None

    def _begin_step(self, runner: Runner) -> None:
        self.drawn = None
        if self.reactivation == 'prune':
            # Right after pruning, but after the pruned network was saved and evaluated.
            self.lift(runner, runner.iter if counts_iterations(runner) else runner.epoch)

    def _put_in_force(self, runner: Runner, mask: Mask) -> None:
        weights = self.weights(runner)
        pruned = {weights[name]: ~kept.to(weights[name].device) for name, kept in mask.items()}
        runner.optim_wrapper.set_masks(pruned, keep_values=self.revive == 'value')
        if self._averages is not None:
            self._averages.end()
        ema = averaged(runner)
        if ema is not None:
            copies = dict(ema.module.named_parameters())
            with torch.no_grad():
                for name, kept in mask.items():
                    copies[name].masked_fill_(~kept.to(copies[name].device), 0)

    def _below(self, runner: Runner, ratio: float) -> bool:
        mask = self.mask_in_force(runner)
        return mask is not None and mask.sparsity < ratio


def _lifted_at(runner: Runner, step: int) -> bool:
    """Whether masks were lifted at the end of ``step`` and none has been put in force since."""
    last = next((e for e in events(runner)[::-1] if e['kind'] in ('reactivate', 'prune')), None)
    return last is not None and (last['kind'], last['step']) == ('reactivate', step)


def _searched_at(runner: Runner, step: int) -> bool:
    hook = find_hook(runner, SearchHook)
    return hook is not None and hook.last_search == step


def _broadcast(tensor: torch.Tensor) -> None:
    if dist.get_world_size() > 1:
        data = tensor.to(torch.uint8)
        dist.broadcast(data)
        tensor.copy_(data.bool())


def _names(names) -> Sequence[str]:
    """A single name stands for a list of one; its letters are no names."""
    return [names] if isinstance(names, str) else names


def _check_parts(model: nn.Module, parts: Sequence[str]) -> None:
    """Refuse a part that the model lacks; backbone and neck may be missing."""
    for part in parts:
        if part not in PARTS and part not in model._modules:
            has = dict.fromkeys(matrix.path.partition('.')[0] for matrix in find_matrices(model))
            raise config_error('PruneHook.parts', part, 'the model has no part of this name',
                               f'name some of {", ".join(map(repr, has))}; layers within them are '
                               'spared by leave_alone')


def _check_choice(key: str, value, choices: Sequence) -> None:
    if value not in choices:
        raise config_error(f'PruneHook.{key}', value, 'unknown choice',
                           f'use one of {", ".join(map(repr, choices))}')
