"""Keeps weights of earlier times, for rewinding."""
from collections.abc import Sequence
from pathlib import Path

from mmengine.dist import master_only
from mmengine.runner import Runner

from ...openmmlab.internals import is_resumed
from ...pruning.mask import Mask
from ...registry import HOOKS
from ...settings.checks import check_numbers
from ...tickets.imports import listed_imports
from ...tickets.plain_data import as_plain_data
from ...tickets.ticket import Ticket
from ..run.plan import RunPlan
from ..run.runner_views import find_hook, unwrap
from .interval_hook import IntervalHook
from .search_hook import SearchHook
from .ticket_hook import described_model


@HOOKS.register_module()
class RewindHook(IntervalHook):
    """Keeps weights to which a ticket can be rewound later (supplement, Table 3).

    ``WORK_DIR/rewind/N.pth``: the network in training, not its average, after N epochs (iterations
    in iteration-based runs); 0 for the initial weights, taken when a new run starts. Weights only,
    with the search units that were left.

    Args:
        epochs (Sequence[int]): When. Defaults to (0, ).
    """
    priority = 74

    def __init__(self, epochs: Sequence[int] = (0, )):
        self.epochs = check_numbers('RewindHook.epochs', epochs, low=0,
                                    remedy='give e.g. [0, 40, 400]')

    def check_plan(self, plan: RunPlan) -> None:
        for time in self.epochs:
            plan.check_length('RewindHook.epochs', time, 'this one would never be kept')

    def before_train(self, runner: Runner) -> None:
        # Here rather than in before_run: weights are initialised in between.
        if 0 in self.epochs and not is_resumed(runner):
            self._save(runner, 0)

    def on_step(self, runner: Runner, step: int) -> None:
        if step in self.epochs:
            self._save(runner, step)

    @master_only
    def _save(self, runner: Runner, step: int) -> None:
        search = find_hook(runner, SearchHook)
        meta = dict(step=step, survivors=search.survivors if search else {}, seed=runner.seed,
                    default_scope=runner.default_scope.scope_name,
                    imports=listed_imports(runner.cfg))
        point = Ticket.from_model(unwrap(runner), described_model(runner), Mask({}),
                                  as_plain_data(meta))
        point.save(Path(runner.work_dir, 'rewind', f'{step}.pth'))
