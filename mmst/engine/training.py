"""Runs a training from a whole config, as all tools that train do."""
from mmengine.config import Config
from mmengine.runner import Runner

from ..data_in_use import holding
from ..errors import MMSTError
from ..randomness import isolated_random_state
from .build import build_runner
from .data import check_data
from .hooks.labels_hook import LabelsHook
from .hooks.schedules_hook import SchedulesHook
from .hooks.stop_hook import StopHook
from .hooks.ticket_hook import TicketHook
from .rehearsal import checks, rehearse
from .run import launcher
from .run.processes import stop_together
from .run.runner_views import find_hook
from .run.stop import Stopped, StopSignals
from .run.work_dir import claim
from .run.writable import check_writable


def train(cfg: Config) -> Runner:
    """Check the config and rehearse the run, then train to the end; nothing is written before.

    Args:
        cfg (Config): Whole, with ``work_dir`` and ``launcher``.

    Raises:
        MMSTError: The first thing that is wrong; on all processes, whichever found it.
        Stopped: SIGTERM or SIGINT has asked the run to end, see ``StopHook``.
    """
    problem = None
    with StopSignals() as signals:  # A rehearsal that is ended removes its folder, too.
        try:
            with isolated_random_state(0):
                checked = checks.check(cfg)
                check_data(cfg, ('train', 'val'))
            rehearse(cfg, checked, launcher.local_rank(), launcher.world_size(cfg))
            del checked  # The network leaves its memory to that of the run.
            signals.obey()
        except MMSTError as error:
            problem = error
        launcher.start_processes(cfg)
        stop_together(problem)
        check_writable(cfg.work_dir)
        claim(cfg.work_dir, cfg, bool(cfg.get('resume')))
        runner = build_runner(cfg)
        runner.register_hook(LabelsHook())
        runner.register_hook(SchedulesHook())
        _listen(runner, signals)
        if (ticket := find_hook(runner, TicketHook)) is not None:
            ticket.rehearsed = cfg.get('rehearsal', True)
        try:
            with holding(cfg):
                runner.train()
        except Stopped as stopped:
            if stopped.reported:  # else the other processes may not be there any more
                launcher.stop_processes()
            raise
    launcher.stop_processes()
    return runner


def _listen(runner: Runner, signals: StopSignals) -> None:
    """Let the config's hook heed the signals; else one that is registered after all others."""
    hook = find_hook(runner, StopHook)
    if hook is None:
        hook = StopHook()
        runner.register_hook(hook)
    hook.signals = signals
