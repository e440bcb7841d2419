"""Trains a family of nested levels of sparsity in one run."""
import logging
import random
from collections.abc import Callable, Sequence
from typing import Any

import torch
from mmengine.logging import print_log
from mmengine.runner import Runner

from ...errors import TicketError, config_error
from ...pruning.build import criterion_name
from ...pruning.levels import KEPT_BY, begin_levels, check_levels, kept_by_levels, levels_at, whole
from ...pruning.mask_in_force import MaskInForce
from ...pruning.pruner import Pruner
from ...search.norms import statistics
from ...search.recalibrate import batch_norms
from ...settings.checks import as_number
from ..optim.level_pass import LevelPass
from ..run.batches import training_precision
from ..run.plan import RunPlan
from ..run.runner_views import unwrap
from .family_file import write_family
from .interval_hook import check_interval
from .one_level import OneLevel
from .ticket_hook import TicketHook

#: Iterations between two steps with a second pass.
DEFAULT_EVERY = 4
#: Where the levels of the mask in force stand in checkpoints.
LEVELS = 'mmst_levels'


def build_levels(family: Sequence[float] | None, every: int, pruner: Pruner) -> OneLevel:
    """Return the family that ``PruneHook`` was asked for.

    Args:
        family (Sequence[float], optional): Sparsities, of which the pruner's is one; None: no
            family.
        every (int): Iterations between two steps with a second pass.
        pruner (Pruner): Draws the mask in force.

    Raises:
        ConfigError: The pruner's other settings leave no room for a family.
    """
    levels = check_levels(family, pruner.sparsity, 'PruneHook.family')
    check_interval('PruneHook.family_every', every, 'use 4')
    if not levels:
        if every != DEFAULT_EVERY:
            raise config_error('PruneHook.family_every', every, 'there is no family whose levels '
                               'it could train', 'set family, or omit it')
        return OneLevel()
    for key, value, wanted in (('revive', pruner.revive, 'value'),
                               ('criterion', criterion_name(pruner.criterion), 'magnitude')):
        if value != wanted:
            raise config_error(f'PruneHook.{key}', value, 'the looser levels of a family need the '
                               'values of pruned weights, by magnitude',
                               f'set {key}={wanted!r}, or family=None')
    if ':' in pruner.scope:
        raise config_error('PruneHook.scope', pruner.scope, 'a pattern has one sparsity',
                           "use scope='global' or 'layer', or family=None")
    return LevelTraining(levels, pruner.sparsity, every, pruner.scope)


class LevelTraining(OneLevel):
    """Keeps the levels of the mask in force, and lets steps learn at two of them.

    Args:
        levels (Sequence[float]): Sparsities, ascending.
        target (float): The run's own, one of them.
        every (int): Iterations between two steps with a second pass.
        scope (str): As of ``PruneHook``.

    Attributes:
        ratio (float): The level in force.
    """

    def __init__(self, levels: Sequence[float], target: float, every: int, scope: str):
        self.levels, self.target, self.every, self.scope = levels, target, every, scope
        self.ratio = target
        self._loaded: Any = None
        self._end: Callable[[], None] | None = None

    def check_plan(self, plan: RunPlan) -> None:
        """Refuse settings that hide a step's images, or gather gradients over steps; the log warns
        where nothing would be written.
        """
        if not plan.has(TicketHook):
            print_log('PruneHook.family: there is no TicketHook, and without ticket.pth no '
                      'family.pth is written. Add default_hooks.ticket=dict(type='
                      '\'mmst.TicketHook\').', 'current', logging.WARNING)
        wrapper = (plan.cfg or {}).get('optim_wrapper') or {}
        if wrapper.get('accumulative_counts', 1) != 1:
            raise config_error('optim_wrapper.accumulative_counts', wrapper['accumulative_counts'],
                               'a second pass of PruneHook.family belongs to one batch',
                               'set it to 1, with larger batches')
        if (plan.cfg or {}).get('compile'):
            raise config_error('PruneHook.family', list(self.levels), 'a model that is compiled as '
                               'a whole hides its images', 'set compile=False in the config')

    @property
    def now(self) -> tuple[float, ...]:
        """Return the levels under the mask in force."""
        return levels_at(self.levels, self.ratio, self.target)

    @property
    def place(self) -> int:
        """Return the place of the mask in force among them."""
        return min(range(len(self.now)), key=lambda i: abs(self.now[i] - self.ratio))

    def draw(self, in_force: MaskInForce, ratio: float | None = None) -> None:
        masks, mask = in_force.holder.masks, in_force.mask
        if mask is None or all(KEPT_BY in state for state in masks.values()):
            return
        self.ratio = self.ratio if ratio is None else ratio
        weights = {name: whole(weight, masks[weight])
                   for name, weight in in_force.weights.items()}
        counts = kept_by_levels(weights, mask, self.now, self.ratio, self.scope)
        begin_levels(masks, in_force.weights, counts)

    def state(self, in_force: MaskInForce) -> dict[str, Any]:
        masks = in_force.holder.masks
        if not masks:
            return {}
        return {LEVELS: dict(ratio=self.ratio, kept_by={
            name: masks[weight][KEPT_BY] for name, weight in in_force.weights.items()})}

    def load(self, checkpoint: dict[str, Any]) -> None:
        self._loaded = checkpoint.get(LEVELS)

    def restore(self, in_force: MaskInForce) -> None:
        """Go on with the levels of a checkpoint, once its mask is in force.

        Raises:
            TicketError: They are broken, or belong to other weights.
        """
        saved, masks = self._loaded, in_force.holder.masks
        if saved is None or not masks:
            self.draw(in_force)
            return
        counts = saved.get('kept_by') if isinstance(saved, dict) else None
        ratio = as_number(saved.get('ratio')) if isinstance(saved, dict) else None
        weights = in_force.weights
        if not (isinstance(counts, dict) and counts.keys() == weights.keys() and ratio is not None
                and 0 <= ratio <= self.target and all(
                    torch.is_tensor(count) and count.dtype == torch.uint8
                    and count.shape == weights[name].shape and 'value' in masks[weights[name]]
                    for name, count in counts.items())):
            raise TicketError(f'the checkpoint\'s {LEVELS} is broken, or of other weights. Remedy: '
                              'resume from the checkpoint before it.')
        self.ratio = ratio
        begin_levels(masks, weights, {name: count.to(weights[name].device)
                                      for name, count in counts.items()})

    def begin_iteration(self, runner: Runner) -> None:
        self.end_iteration(runner)
        places = [place for place in range(len(self.now)) if place != self.place]
        if not runner.optim_wrapper.masks or runner.iter % self.every or not places:
            return
        place = drawn_place(runner.seed, runner.iter, places)
        inputs: list[Any] = []

        def note(module: Any, args: tuple, kwargs: dict) -> None:
            inputs[:] = [args, kwargs]

        handle = unwrap(runner).register_forward_pre_hook(note, with_kwargs=True)
        self._end = handle.remove
        runner.optim_wrapper.level_pass = LevelPass(
            lambda: second_pass(runner, *inputs), place, place < self.place)

    def end_iteration(self, runner: Runner) -> None:
        if self._end is not None:
            self._end()
            self._end = None
        runner.optim_wrapper.level_pass = None

    def write(self, runner: Runner, in_force: MaskInForce) -> None:
        write_family(runner, in_force, self.levels, self.place)


def drawn_place(seed: int | None, iteration: int, places: Sequence[int]) -> int:
    """Return one of the places, the same on all processes and in a run that was resumed."""
    return random.Random(f'{seed}:{iteration}').choice(places)


def second_pass(runner: Runner, args: tuple, kwargs: dict[str, Any]) -> None:
    """Add the gradients of a training pass on the same images; BN statistics stay as they are."""
    network: Any = unwrap(runner)
    kept = [(tensor, tensor.clone()) for bn in batch_norms(network)
            for tensor in statistics(bn)]
    with training_precision(runner):
        losses = runner.model(*args, **kwargs)
        loss, _ = network.parse_losses(losses)
    scaler = getattr(runner.optim_wrapper, 'loss_scaler', None)
    (loss if scaler is None else scaler.scale(loss)).backward()
    with torch.no_grad():
        for tensor, value in kept:
            tensor.copy_(value)
