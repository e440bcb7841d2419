"""Stands where a run has no family of levels."""
from typing import Any

from mmengine.runner import Runner

from ...pruning.mask_in_force import MaskInForce
from ..run.plan import RunPlan


class OneLevel:
    """Is the family of a run that has none: its mask in force is the only level.

    ``PruneHook`` calls a family at each point of a run; here nothing happens there.

    Attributes:
        every (int, optional): Iterations between two steps with a second pass; None without any.
    """
    every: int | None = None

    def check_plan(self, plan: RunPlan) -> None:
        """Refuse runs that cannot train several levels."""

    def draw(self, in_force: MaskInForce, ratio: float | None = None) -> None:
        """Draw the levels of a mask that has come into force.

        Args:
            in_force (MaskInForce): Its hold on the network.
            ratio (float, optional): The sparsity that was asked for. Defaults to the last one.
        """

    def state(self, in_force: MaskInForce) -> dict[str, Any]:
        """Return the entries of a checkpoint."""
        return {}

    def load(self, checkpoint: dict[str, Any]) -> None:
        """Note a checkpoint's levels, for :meth:`restore`."""

    def restore(self, in_force: MaskInForce) -> None:
        """Go on with the levels of a checkpoint, once its mask is in force."""

    def begin_iteration(self, runner: Runner) -> None:
        """Let this iteration's step learn at a second level, where that is due."""

    def end_iteration(self, runner: Runner) -> None:
        """End the second pass that :meth:`begin_iteration` has prepared."""

    def write(self, runner: Runner, in_force: MaskInForce) -> None:
        """Write the file of all levels at the end of a run."""
