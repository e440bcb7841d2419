"""Lets a run survive that it is killed."""

from typing import Any

from mmengine import dist
from mmengine.hooks import CheckpointHook, EarlyStoppingHook, Hook
from mmengine.runner import Runner

from ...errors import MMSTError, config_error
from ...models.hrnas.coordinate_order import FORMAT, FORMAT_KEY
from ...openmmlab.internals import file_to_load, is_resumed, resume_from
from ...registry import HOOKS
from ...tickets.digest import DIGESTS, part_digests
from ..optim.gathered_gradients import GatheredGradients
from ..run.data_record import check_same_data
from ..run.elastic import adapt_to_epoch_length, note_epoch_length
from ..run.events import events, happened
from ..run.position import Position, finish_epoch_first, read
from ..run.resume import find_checkpoint
from ..run.runner_views import find_hook, unwrap
from ..run.state_fits import check_groups, check_moments, check_schedules
from ..run.steps import counts_iterations, trains, validation_due
from ..run.training_state import check_state
from ..run.work_dir import claim, run_id
from ..run.work_dir_lock import release
from .interval_hook import convert_resumed, drop_functions
from .ticket_checkpoint_hook import TicketCheckpointHook


@HOOKS.register_module()
class ResumeHook(Hook):
    """Keeps a run resumable: finished later, it ends as if it had never been stopped.

    - The work directory belongs to one run and one config, see :mod:`mmst.engine.run.work_dir`, and
      the run to its data, see :mod:`mmst.engine.run.data_record`.
    - ``resume=True`` without ``load_from`` goes on from the last checkpoint that is whole: a digest
      of each part is written into it.
    - With another number of processes, iterations and schedules are converted.
    - A checkpoint that ``StopHook`` has written in the middle of an epoch goes on there.
    - States that mmengine does not restore: the sampler's seed where the config has none, an
      evaluation that was due when the run was stopped, the patience of an ``EarlyStoppingHook``.

    ``mmst train`` claims the directory before anything is written; the toolboxes' own tools
    leave that to this hook.
    """
    priority = 100

    def __init__(self) -> None:
        self._position: Position | None = None

    def before_run(self, runner: Runner) -> None:
        if not trains(runner):
            return
        check_gathering(runner)
        claim(runner.work_dir, runner.cfg, is_resumed(runner))
        if is_resumed(runner) and file_to_load(runner) is None:
            # mmengine would look for itself otherwise, and take any file.
            resume_from(runner, _find(runner.work_dir))

    def before_train(self, runner: Runner) -> None:
        check_same_data(runner)
        if not is_resumed(runner):
            return
        _seed_sampler(runner)
        _replay_early_stopping(runner)
        if self._position is not None and self._position.done:  # evaluations are done before
            finish_epoch_first(runner, self._position)
            return
        done = runner.iter if counts_iterations(runner) else runner.epoch
        # Checkpoints are written before validation.
        if validation_due(runner, done) and not happened(runner, done, 'evaluate'):
            _evaluate(runner)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        checkpoint['mmst_run'] = run_id(runner.work_dir)
        note_epoch_length(runner, checkpoint)
        drop_functions(checkpoint)
        checkpoint[FORMAT_KEY] = FORMAT
        checkpoint[DIGESTS] = part_digests(checkpoint)  # the last hook: all parts are there

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        convert_resumed(runner, checkpoint)
        if is_resumed(runner) and trains(runner):
            # Before anything of it is loaded: mmengine would stop half-way.
            check_state(checkpoint)
            optimizer = getattr(runner.optim_wrapper, 'optimizer', None)
            check_groups(checkpoint, optimizer)
            check_moments(checkpoint, optimizer, unwrap(runner))
            check_schedules(checkpoint, runner.param_schedulers)
            self._position = read(checkpoint)
            adapt_to_epoch_length(runner, checkpoint)

    def after_run(self, runner: Runner) -> None:
        release(runner.work_dir)


def check_gathering(runner: Runner) -> None:
    """Refuse a hook that would save without the gradients that other processes have gathered.

    Raises:
        ConfigError: Of several processes, each accumulates, and mmengine's own hook saves.
    """
    wrapper = runner.optim_wrapper
    plain = [hook for hook in runner.hooks if isinstance(hook, CheckpointHook)
             and not isinstance(hook, TicketCheckpointHook)]
    if (plain and dist.get_world_size() > 1 and isinstance(wrapper, GatheredGradients)
            and wrapper.gathers):
        raise config_error(
            'default_hooks.checkpoint.type', type(plain[0]).__name__, 'saves none of the gradients '
            'that several processes accumulate between two steps, so that no run could go on from '
            'it', "use type='mmst.TicketCheckpointHook', or optim_wrapper.accumulative_counts=1")


def _find(work_dir: str) -> str | None:
    """Return the first process looks for all."""
    answer: list[Any] = [None]
    if dist.is_main_process():
        try:
            answer = [find_checkpoint(work_dir)]
        except MMSTError as error:
            answer = [error]
    dist.broadcast_object_list(answer)
    if isinstance(answer[0], MMSTError):
        raise answer[0]
    return answer[0]


def _seed_sampler(runner: Runner) -> None:
    """Set the sampler's seed: it may have been built before the checkpoint was read."""
    loader = runner.train_dataloader
    sampler = getattr(loader.batch_sampler, 'sampler', None) or loader.sampler
    if hasattr(sampler, 'seed'):
        sampler.seed = runner.seed


def _evaluate(runner: Runner) -> None:
    """Catch up on an evaluation, with the counters that it would have seen."""
    runner.message_hub.update_info('iter', runner.iter - 1)
    if not counts_iterations(runner):
        runner.message_hub.update_info('epoch', runner.epoch - 1)
    runner.val_loop.run()


def _replay_early_stopping(runner: Runner) -> None:
    """Show the hook the scores of all evaluations so far."""
    hook = find_hook(runner, EarlyStoppingHook)
    for event in events(runner):
        if hook is not None and event['kind'] == 'evaluate' and event['at_target']:
            hook.after_val_epoch(runner, event['metrics'])
