"""Lets hooks act at the end of epochs, or of iterations in iteration-based runs."""
import itertools
from abc import abstractmethod
from typing import Any

from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner

from ...models.hrnas.coordinate_order import FORMAT, FORMAT_KEY, convert_optimizer
from ...openmmlab.internals import is_resumed
from ...search.adapters import accept_searched_states
from ...search.graph.described import attach_described
from ...settings.checks import check_number
from ..run.plan import RunPlan, run_plan_of
from ..run.runner_views import models, unwrap
from ..run.steps import counts_iterations, steps_done, stopped_early, trains


class IntervalHook(Hook):
    """Calls ``on_step`` at the end of each epoch; of each iteration in iteration-based runs.

    All intervals of this project count in these steps. Subclasses run after the EMA's update (50 or
    before) and before checkpoints (90) and validation.
    """

    def before_run(self, runner: Runner) -> None:
        # Before any checkpoint is loaded: it may hold a searched network.
        for model in models(runner):
            accept_searched_states(model)
        if trains(runner):
            plan = run_plan_of(runner)
            plan.check_once(self)
            self.check_plan(plan)

    def check_plan(self, plan: RunPlan) -> None:
        """Refuse settings that make no sense in this run; called before it starts.

        Raises:
            ConfigError: Naming key, value and remedy.
        """

    def after_train_epoch(self, runner: Runner) -> None:
        if not counts_iterations(runner):
            self.on_step(runner, runner.epoch + 1)

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch=None,
                         outputs=None) -> None:
        if counts_iterations(runner):
            self.on_step(runner, runner.iter + 1)

    def after_train(self, runner: Runner) -> None:
        if stopped_early(runner):
            self.on_stop(runner, steps_done(runner))

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        checkpoint[FORMAT_KEY] = FORMAT
        drop_functions(checkpoint)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        for model in models(runner):
            attach_described(model, checkpoint)
        convert_resumed(runner, checkpoint)

    @abstractmethod
    def on_step(self, runner: Runner, step: int) -> None:
        """Act at the end of step ``step``, counted from 1."""

    def rehearse(self, runner: Runner, batch: Any) -> None:
        """Try the later actions of a run on a throw-away runner; by default there are none.

        Args:
            runner (Runner): Its model, optimizer wrapper and averages.
            batch (Any): Of the training loader.
        """

    def on_stop(self, runner: Runner, step: int) -> None:
        """Act where the run was stopped after ``step``, before its planned end."""


def convert_resumed(runner: Runner, checkpoint: dict) -> None:
    """Bring the optimizer's state of an older checkpoint into the present form, once."""
    if is_resumed(runner) and isinstance(runner.optim_wrapper, OptimWrapper):
        convert_optimizer(checkpoint, runner.optim_wrapper.optimizer,
                          dict(unwrap(runner).named_parameters()))


def drop_functions(checkpoint: dict) -> None:
    """Leave out functions, which some schedulers count as state: they are no safe data."""
    schedulers = checkpoint.get('param_schedulers', [])
    for state in schedulers if isinstance(schedulers, list) else list(
            itertools.chain.from_iterable(schedulers.values())):
        for key in [key for key, value in state.items() if callable(value)]:
            del state[key]


def check_interval(key: str, value, remedy: str) -> int:
    """Refuse an interval that is no whole number of at least 1.

    Raises:
        ConfigError: Naming the key.
    """
    return check_number(key, value, low=1, whole=True, remedy=remedy)
