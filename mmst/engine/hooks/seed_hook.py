"""Makes randomness independent of when a run was stopped."""
from collections.abc import Iterator
from itertools import count

from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import Runner, set_random_seed

from ...registry import HOOKS
from ..run.steps import counts_iterations


@HOOKS.register_module()
class SeedHook(Hook):
    """Seeds each epoch by the run's seed, the epoch and the rank; each iteration in such runs.

    A resumed run then repeats an uninterrupted one exactly, dropout and augmentation
    included, also after draws of validation: mmengine saves no random state. Workers follow
    through ``worker_init_fn=dict(type='mmst.seed_worker')``, which needs workers that are started
    for each epoch.

    Iteration-based runs load all batches up to the resumed one again, as mmengine does. That too is
    exact if the config has a seed and an endless sampler (``InfiniteSampler``): workers are started
    once, before a checkpoint is read.
    """
    priority = 1

    def before_train(self, runner: Runner) -> None:
        loader = runner.train_dataloader
        if loader.num_workers and loader.persistent_workers:
            runner.logger.warning(
                'train_dataloader.persistent_workers = True: workers carry their random state over '
                'epochs, so a resumed run will not repeat an uninterrupted one to the bit. Remedy: '
                'set it to False, with worker_init_fn=dict(type=\'mmst.seed_worker\').')

    def before_train_epoch(self, runner: Runner) -> None:
        if counts_iterations(runner):
            loop = runner.train_loop
            loop.dataloader_iterator = self._seed_batches(runner, loop.dataloader_iterator)
        else:
            self._seed(runner, runner.epoch)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch=None) -> None:
        if counts_iterations(runner):
            self._seed(runner, runner.iter)

    def _seed_batches(self, runner: Runner, batches: Iterator) -> Iterator:
        """Seed each batch by itself where it is augmented here, without workers."""
        for number in count():
            self._seed(runner, number, stream=1)
            yield next(batches)

    def _seed(self, runner: Runner, step: int, stream: int = 0) -> None:
        # Distinct for any realistic number of ranks and steps; NumPy takes 32 bits.
        set_random_seed((runner.seed + 1_000_003 * step + 7_919 * get_rank() + 499_979 * stream)
                        % 2**32)
