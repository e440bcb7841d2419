"""Jobs for the processes of ``ranks``, with tickets."""
import os

import rank_jobs
from mmengine import dist
from rank_jobs import digest
from tiny import unwrap
from tiny_street import load_tool

from mmst.engine.run import launcher


def train_fixed(work_dir, ticket, start='ticket') -> list:
    """Two epochs under a ticket's mask; what each ended with."""
    hook = dict(type='mmst.FixedMaskHook', ticket=str(ticket), start=str(start))
    return rank_jobs.train(work_dir, 2, search=False, prune=False, ticket=True,
                           custom_hooks=[hook])


def train_with_rewind(work_dir) -> tuple:
    """A two-in-one run that keeps rewind points; its initial weights on each rank."""
    initial = {}

    def keep(runner):
        initial.update((name, digest(value))
                       for name, value in unwrap(runner).state_dict().items())

    found = rank_jobs.train(
        work_dir, 2, ticket=True, probes=[('VERY_LOW', dict(before_train=keep))],
        custom_hooks=[dict(type='mmst.RewindHook', epochs=[0, 1])])
    return found, initial


def call_tool(name, *args) -> int:
    """A tool as ``tools/dist_train.sh`` would start it; the processes stay connected."""
    os.environ.update(MASTER_ADDR='localhost', MASTER_PORT='1')
    stop, launcher.stop_processes = launcher.stop_processes, dist.barrier
    try:
        return load_tool(name).main([*map(str, args), '--launcher', 'pytorch'])
    finally:
        launcher.stop_processes = stop
