"""Several real processes that are connected by gloo and wait for work: ``run(2, job, ...)``.

A group is started once and serves many tests; one that has failed is ended and started again. Jobs
live in modules below ``tests/`` (a started process cannot import test files).
"""
import atexit
import datetime
import os
import pickle
import sys
import tempfile
import time
import traceback

import forks

TIMEOUT = 120
#: Seconds after which a collective operation fails.
PATIENCE = 40
_GROUPS = {}


def run(size, job, *args, timeout=TIMEOUT, **kwargs) -> list:
    """Return ``job(*args, **kwargs)`` of each of ``size`` ranks."""
    return group(size).run(job, *args, timeout=timeout, **kwargs)


def group(size, **settings) -> 'Group':
    """The group of ``size`` processes that is alive, or a new one."""
    for other in [n for n in _GROUPS if n != size]:
        close(other)
    if size not in _GROUPS or not _GROUPS[size].alive():
        close(size)
        _GROUPS[size] = Group(size, **settings)
    return _GROUPS[size]


def close(size) -> None:
    """End the processes of a group."""
    if size in _GROUPS:
        _GROUPS.pop(size).close()


@atexit.register
def close_all() -> None:
    """End the processes of all groups."""
    for size in list(_GROUPS):
        close(size)


class RankError(AssertionError):
    """A job raised on some ranks. ``errors``: rank to the text of its error."""

    def __init__(self, errors):
        self.errors = errors
        super().__init__('\n'.join(f'rank {rank}: {text}' for rank, text in errors.items()))


class Group:
    """Processes of one process group.

    Args:
        size (int): How many.
        patience (float): Seconds after which a collective operation fails.
    """

    def __init__(self, size, patience=PATIENCE):
        context = forks.context()
        self.patience = patience
        folder = tempfile.mkdtemp()
        self.processes, self.pipes = [], []
        for rank in range(size):
            mine, theirs = context.Pipe()
            process = context.Process(target=_serve, daemon=True, args=(
                rank, size, os.path.join(folder, 'store'), patience, theirs))
            process.start()
            theirs.close()
            self.processes.append(process)
            self.pipes.append(mine)

    def alive(self) -> bool:
        """Whether all processes wait for work."""
        return all(process.is_alive() for process in self.processes)

    def run(self, job, *args, timeout=TIMEOUT, **kwargs) -> list:
        """Return the job's result on each rank.

        Raises:
            RankError: It raised on a rank, a process ended, or the time is over.
        """
        for pipe in self.pipes:
            pipe.send_bytes(pickle.dumps((job, args, kwargs)))
        deadline = time.monotonic() + timeout
        answers = []
        for rank in range(len(self.pipes)):
            answers.append(self._answer(rank, deadline))
            if answers[-1][0]:  # the others fail soon too
                deadline = min(deadline, time.monotonic() + self.patience + 5)
        errors = {rank: text for rank, (failed, text) in enumerate(answers) if failed}
        if errors:
            self.close()
            raise RankError(errors)
        return [result for _, result in answers]

    def _answer(self, rank, deadline):
        try:
            if not self.pipes[rank].poll(max(0., deadline - time.monotonic())):
                return True, 'no answer in time'
            return pickle.loads(self.pipes[rank].recv_bytes())
        except (EOFError, ConnectionError):
            self.processes[rank].join(5)
            return True, f'process ended with exit code {self.processes[rank].exitcode}'

    def close(self) -> None:
        """End the processes."""
        for pipe in self.pipes:
            pipe.close()
        for process in self.processes:
            process.join(0.2)
            process.kill()
            process.join()


def _serve(rank, size, store, patience, pipe) -> None:
    import torch
    sys.stdout = sys.stderr = open(os.devnull, 'w')  # noqa: SIM115
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(size))
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        'gloo', init_method=f'file://{store}', rank=rank, world_size=size,
        timeout=datetime.timedelta(seconds=patience))
    while True:
        try:
            job, args, kwargs = pickle.loads(pipe.recv_bytes())
        except EOFError:
            os._exit(0)
        failed, answer = _attempt(job, args, kwargs)
        pipe.send_bytes(pickle.dumps((failed, answer)))
        if failed:
            os._exit(1)  # the others must not wait for it


def _attempt(job, args, kwargs):
    from forget import forget_runners
    try:
        return False, job(*args, **kwargs)
    except BaseException as error:
        return True, f'{type(error).__name__}: {error}\n{traceback.format_exc()}'
    finally:
        forget_runners()
