"""Jobs for the processes of ``ranks`` of which one is asked to end."""
import os
import signal

from mmengine import dist
from rank_jobs import distributed, state
from tiny import Probe, make

from mmst.engine.hooks.stop_hook import StopHook
from mmst.engine.run import shared_signal

#: All that a run on several processes needs to go on.
HOOKS = [dict(type=f'mmst.{name}') for name in ('SeedHook', 'FingerprintHook', 'ResumeHook')]


def train(work_dir, stop=None, rate=shared_signal.RATE, resume=False, number=signal.SIGTERM):
    """A run of two epochs of four iterations; what each epoch and the whole ended with.

    ``stop``: rank, and the iteration in which the signal reaches it.
    """
    shared_signal.RATE, before = rate, shared_signal.RATE
    found, hook = [], StopHook()
    runner = make(work_dir, 2, length=16, batch_size=2, noise=0.1, custom_hooks=HOOKS,
                  checkpoint=dict(interval=1, max_keep_ckpts=1), resume=resume, **distributed())
    if stop is not None and stop[0] == dist.get_rank():
        runner.register_hook(Probe(before_train_iter=lambda r: r.iter + 1 == stop[1] and os.kill(
            os.getpid(), number)), 60)
    runner.register_hook(Probe(after_train_epoch=lambda r: found.append(state(r))), 75)
    runner.register_hook(hook)
    try:
        with hook.signals:
            runner.train()
    except SystemExit as ended:
        return ended.code, runner.iter + 1, sorted(os.listdir(work_dir))
    finally:
        shared_signal.RATE = before
    return 0, runner.iter, [(epoch['digests'], epoch['events']) for epoch in found]
