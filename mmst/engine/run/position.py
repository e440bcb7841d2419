"""Keeps the place in an epoch at which a run has stopped: it goes on with the next batch."""
import random
from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
from mmengine import dist
from mmengine.runner import EpochBasedTrainLoop, Runner

from ...errors import TicketError
from ...openmmlab.internals import add_epoch

#: In the ``meta`` of a checkpoint that was written in the middle of an epoch.
KEY = 'mmst_position'


@dataclass(frozen=True)
class Position:
    """Is a place in an epoch.

    Attributes:
        done (int): Batches that are trained on.
        length (int): Batches of the epoch, on each process.
        begin (list[dict]): Random state of each process at the epoch's beginning: the order of the
            data and the workers' seeds come from it.
        now (list[dict]): Random state of each process after the batches that are done.
    """
    done: int
    length: int
    begin: list[dict[str, Any]]
    now: list[dict[str, Any]]


def random_state() -> dict[str, Any]:
    """Return the state of Python's, NumPy's and torch's generators in this process, as plain data.
    """
    version, words, spare = random.getstate()
    state: Any = np.random.get_state()
    _, keys, *place = state
    return dict(python=[version, torch.tensor(words), spare],
                numpy=[torch.from_numpy(keys.astype(np.int64)), *place],
                torch=torch.get_rng_state(),
                cuda=torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else [])


def set_random_state(state: dict[str, Any]) -> None:
    """Put the generators into a state of :func:`random_state`.

    Raises:
        TicketError: It is none.
    """
    try:
        version, words, spare = state['python']
        random.setstate((version, tuple(words.tolist()), spare))
        keys, *place = state['numpy']
        np.random.set_state(('MT19937', keys.numpy().astype(np.uint32), *place))
        torch.set_rng_state(state['torch'].cpu())
        if len(state['cuda']) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all([s.cpu() for s in state['cuda']])
    except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise _place_error('its random state cannot be restored '
                           f'({type(error).__name__})') from error


def can_stop_inside(runner: Runner) -> bool:
    """Return whether the loop's epochs are mmengine's own, so that one can be finished later."""
    loop = runner.train_loop
    return (isinstance(loop, EpochBasedTrainLoop)
            and type(loop).run_epoch is EpochBasedTrainLoop.run_epoch)


def describe_position(runner: Runner, done: int, begin: dict[str, Any]) -> dict[str, Any]:
    """Return the position as plain data for a checkpoint. All ranks must call this."""
    return dict(done=done, length=len(runner.train_dataloader),
                begin=dist.all_gather_object(begin), now=dist.all_gather_object(random_state()))


def read(checkpoint: dict[str, Any]) -> Position:
    """Return the position in a checkpoint; ``done`` is 0 where it was written between two epochs.

    Raises:
        TicketError: The entry is no position.
    """
    found = checkpoint['meta'].get(KEY)
    if found is None:
        return Position(0, 0, [], [])
    try:
        position = Position(**found)
    except TypeError as error:
        raise _place_error('it has other parts') from error
    numbers = [position.done, position.length]
    states = [position.begin, position.now]
    if (any(type(n) is not int for n in numbers) or not 0 < position.done <= position.length
            or not all(isinstance(s, list) and s for s in states)):
        raise _place_error(f'{position.done!r} of {position.length!r} batches')
    return position


def finish_epoch_first(runner: Runner, position: Position) -> None:
    """Let the loop begin with the rest of the epoch at ``position``.

    The batches that are done are loaded once more, and passed over: workers draw the random numbers
    of their augmentation one batch after the other. With another number of batches or processes the
    run goes on at the same part of the epoch, with random numbers of its own.
    """
    loop, begins = runner.train_loop, runner.epoch
    same = (position.length == len(runner.train_dataloader)
            and len(position.now) == dist.get_world_size())
    done = position.done if same else round(
        position.done / position.length * len(runner.train_dataloader))
    runner.logger.info(f'epoch {begins + 1} goes on after {done} of {len(runner.train_dataloader)} '
                       'batches; those are loaded again and passed over')

    def run_rest() -> None:
        del loop.run_epoch  # the class's own from now on
        runner.call_hook('before_train_epoch')
        runner.model.train()
        if same:
            set_random_state(position.begin[dist.get_rank()])
        batches = enumerate(loop.dataloader)
        deque(islice(batches, done), maxlen=0)
        runner.message_hub.update_info('iter', runner.iter - 1)  # as the last batch left it
        if same:
            set_random_state(position.now[dist.get_rank()])
        for index, batch in batches:
            loop.run_iter(index, batch)
        runner.call_hook('after_train_epoch')
        add_epoch(loop)

    loop.run_epoch = run_rest


def _place_error(problem: str) -> TicketError:
    return TicketError(f'the checkpoint\'s place in its epoch makes no sense: {problem}. Remedy: '
                       'resume from an earlier checkpoint, --resume WORK_DIR/epoch_N.pth.')
