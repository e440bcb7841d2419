"""What the processes of ``ranks`` do: runs by CUDA graphs, for which functions stand."""
import pytest
import rank_jobs
import torch
from graphs import stand_in
from mmengine import dist
from tiny import find_hook

from mmst.engine import FastTrainingHook
from mmst.engine.hooks import fast_training_hook
from mmst.kernels import graphed

#: Iterations of the run's epochs after which ranks agree.
AGREE = 2


def train(work_dir, failing=None, **settings):
    """Captures, reasons and whether the graphs are off, of a run's parts; how its epochs ended.

    ``failing``: the rank whose memory runs out in its first capture.
    """
    capture, parts = graphed.capture, []

    def short_of_memory(*args):
        if dist.get_rank() == failing:
            raise torch.cuda.OutOfMemoryError('CUDA out of memory. Tried to allocate 2 GiB')
        return capture(*args)

    def keep(runner):
        parts.extend(find_hook(runner, FastTrainingHook).graphs)

    with pytest.MonkeyPatch.context() as patch:
        stand_in(patch)
        patch.setattr(fast_training_hook, 'devices', lambda runner: {'cuda'})
        patch.setattr(fast_training_hook, 'AGREE', AGREE)
        patch.setattr(graphed, 'capture', short_of_memory)
        epochs = rank_jobs.train(
            work_dir, 2, custom_hooks=[dict(type='mmst.FastTrainingHook', kernel=False)],
            probes=[(76, dict(before_train=keep))], **settings)
    return [(part.captures, part.reasons, part.group.off, len(part.forms()))
            for part in parts], [epoch['digests'] for epoch in epochs]
