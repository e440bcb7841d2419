"""Describes a run before it trains, so that contradictions of its settings show."""
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmengine.hooks import Hook
from mmengine.model import BaseAveragedModel
from mmengine.optim import OptimWrapperDict
from mmengine.runner import Runner
from torch import nn

from ...errors import config_error
from ..optim.masked_optim_wrapper import MaskedStep
from .runner_views import averaged_model, unwrap
from .steps import counts_iterations, max_steps


@dataclass(frozen=True)
class RunPlan:
    """Holds the plan that hooks check in ``IntervalHook.check_plan``.

    It comes from a built runner or, before anything is built or written, from a config.

    Attributes:
        steps (int): Length of the run.
        unit (str): The unit of steps: ``'epochs'`` or ``'iterations'``.
        wrapper (type): Class of the optimizer wrapper.
        hooks (Sequence[Hook]): The run's hooks.
        model (nn.Module): The model, unwrapped.
        averaged (BaseAveragedModel, optional): Its moving average.
        cfg (Mapping, optional): The whole config; empty for a runner that was built without one.
        iterations (int): Of the whole run. Defaults to ``steps``.
    """
    steps: int
    unit: str
    wrapper: type
    hooks: Sequence[Hook]
    model: nn.Module
    averaged: BaseAveragedModel | None = None
    cfg: Mapping[str, Any] | None = None
    iterations: int | None = None

    def has(self, kind: type[Hook]) -> bool:
        """Return whether the run has a hook of a class."""
        return any(isinstance(hook, kind) for hook in self.hooks)

    def check_length(self, key: str, value: int, consequence: str = 'it would never act') -> None:
        """Refuse an interval or a warm-up that is longer than the run.

        Raises:
            ConfigError: Naming the key.
        """
        if value > self.steps:
            raise config_error(key, value,
                               f'the run has only {self.steps} {self.unit}, so {consequence}',
                               f'set it to {self.steps} or less, or train longer')

    def check_every(self, key: str, every: int, first: int) -> None:
        """Refuse to act in every n-th iteration where masks are in force in other ones only.

        A run with a mask in one iteration alone is a try-out, and is let through.

        Args:
            key (str): Of the setting.
            every (int): n; iterations count from 0.
            first (int): Steps before the first mask.

        Raises:
            ConfigError: Naming the key.
        """
        total = self.steps if self.iterations is None else self.iterations
        begin = first * total // self.steps
        if begin + 1 < total <= -(-begin // every) * every:
            raise config_error(key, every, f'masks can be in force in iterations {begin} to '
                               f'{total - 1}, of which none is a multiple, so it would never act',
                               'set it to 2')

    def check_once(self, hook: Hook) -> None:
        """Refuse a second hook of the same class: both would act, on the same things.

        Raises:
            ConfigError: Naming the class.
        """
        if sum(type(other) is type(hook) for other in self.hooks) > 1:
            raise config_error('custom_hooks', type(hook).__name__, 'there are two of this class, '
                               'and both would act', 'remove one of them')

    def check_wrapper(self, need: str) -> None:
        """Refuse an optimizer wrapper that knows nothing of masks and penalty.

        Raises:
            ConfigError: Naming the hook that needs it.
        """
        if issubclass(self.wrapper, OptimWrapperDict):
            written = (self.cfg or {}).get('optim_wrapper') or {}
            named = [key for key, value in written.items() if isinstance(value, Mapping)]
            raise config_error('optim_wrapper', ', '.join(named) or 'several', 'there are several '
                               'optimizers, and search and pruning follow one', 'give one for the '
                               'whole model: optim_wrapper=dict(type=\'mmst.MaskedOptimWrapper\', '
                               'optimizer=...)')
        if not issubclass(self.wrapper, MaskedStep):
            raise config_error('optim_wrapper.type', self.wrapper.__name__, need,
                               'use mmst.MaskedOptimWrapper or mmst.MaskedAmpOptimWrapper')

    def check_averaged(self) -> None:
        """Refuse an EMA that would evaluate averaged weights with the statistics of others.

        A network without BN has no statistics.

        Raises:
            ConfigError: If ``update_buffers`` is off, or another network is evaluated.
        """
        self.check_evaluated()
        statistics = any(name.endswith('running_mean') for name, _ in self.model.named_buffers())
        if statistics and self.averaged is not None and not self.averaged.update_buffers:
            raise config_error('EMAHook.update_buffers', False,
                               'averaged weights need averaged BN statistics',
                               'set update_buffers=True in the EMAHook')

    def check_evaluated(self) -> None:
        """Refuse an EMA whose average becomes the ticket, but is not evaluated.

        Raises:
            ConfigError: If ``evaluate_on_ema``, of mmpretrain's hook, is off.
        """
        if any(getattr(hook, 'evaluate_on_ema', True) is False for hook in self.hooks):
            raise config_error('EMAHook.evaluate_on_ema', False,
                               'the averaged network becomes the ticket, and another would be '
                               'evaluated', 'set evaluate_on_ema=True (evaluate_on_origin=True '
                               'evaluates both), or leave the hook out')


def run_plan_of(runner: Runner) -> RunPlan:
    """Return the plan of a runner that trains."""
    return RunPlan(
        steps=max_steps(runner), unit='iterations' if counts_iterations(runner) else 'epochs',
        wrapper=type(runner.optim_wrapper), hooks=runner.hooks, model=unwrap(runner),
        averaged=averaged_model(runner), cfg=runner.cfg, iterations=runner.max_iters)
