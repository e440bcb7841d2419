"""Takes the steps of a rehearsal: each part of a run once, in small."""
import copy
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import torch
from mmengine import hooks
from mmengine.dataset import InfiniteSampler
from mmengine.runner import Runner, autocast
from torch.utils.data import DataLoader

from ...errors import MMSTError, TicketError, config_error
from ...openmmlab.internals import (
    is_on_server,
    is_resumed,
    loader_of,
    resume_from,
    set_loader,
    validation_loop,
)
from ...search.adapters import accept_searched_states
from ...settings.words import check_words
from ..explain import Places
from ..hooks.interval_hook import IntervalHook
from ..hooks.mask_hook import MaskHook
from ..hooks.search_hook import SearchHook
from ..run.plan import run_plan_of
from ..run.runner_views import unwrap
from ..run.start_file import check_fits_start, start_file
from . import settings

#: Images of a training batch: enough for BN, few enough for any device.
IMAGES = 2
#: Images that are evaluated where one is not enough.
FEW = 4
#: Hooks that do not begin: they would go on by themselves, or have done their part already.
_APART = (hooks.ProfilerHook, hooks.NPUProfilerHook, hooks.EMAHook, hooks.ParamSchedulerHook)
#: Points of a run that take long, or write whole checkpoints, and tell nothing.
_LONG = ((hooks.RuntimeInfoHook, 'before_run'), (hooks.CheckpointHook, 'after_train_iter'))


@dataclass
class Rehearsal:
    """Goes through a run in small on a throw-away runner; ``processes`` are those of the run.

    ``start`` is the content of the file that it starts from.
    """
    runner: Runner
    places: Places
    start: dict[str, Any] | None = None
    processes: int = 1
    seen: dict[str, Any] | None = None

    def build_loader(self, split: str) -> None:
        """Build a dataloader as the run will, workers and all; none of them is started."""
        cfg = loader_of(self.runner, split)
        if isinstance(cfg, dict):
            check_words(f'{split}_dataloader', DataLoader, cfg)
            set_loader(self.runner, split, self.runner.build_dataloader(cfg, seed=self.runner.seed))

    def build_train_loop(self) -> None:
        """Build the loop; refuse data that fill no batch."""
        loader = loader_of(self.runner)
        images = self._share(loader)
        if not len(loader) or (loader.drop_last and images < (loader.batch_size or 1)):
            raise config_error('train_dataloader.batch_size', loader.batch_size, 'each process has '
                               f'{images} images, which fill no batch',
                               'use a smaller batch_size, or more images')
        settings.check_loop(self.runner)

    def _share(self, loader: DataLoader) -> int:
        """Return how many images each process has of them."""
        own: Any = loader.sampler
        return -(-len(own) // self.processes)

    def build_optimizer(self) -> None:
        """Build the optimizer with its wrapper; the schedules come after its rate is scaled."""
        runner = self.runner
        settings.check_bounds(runner, self.places)
        runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
        settings.check_rules(runner)

    def build_schedules(self) -> None:
        """Build the schedules of the optimizer."""
        if (schedules := self.runner.param_schedulers) is not None:
            self.runner.param_schedulers = self.runner.build_param_scheduler(schedules)

    def check_hooks(self) -> None:
        """Let hooks check the run; of their work only the averaged copy of the model is done."""
        accept_searched_states(unwrap(self.runner))
        settings.check_hooks(self.runner, self.places)
        for hook in self.runner.hooks:
            if isinstance(hook, hooks.EMAHook):
                hook.before_run(self.runner)
        for hook in self.runner.hooks:
            if isinstance(hook, IntervalHook):
                hook.check_plan(run_plan_of(self.runner))

    def evaluate_one_image(self) -> None:
        """Pass an image through test pipeline, model and evaluator; look at its metrics."""
        loop = validation_loop(self.runner)
        if loop is None or not hasattr(loop, 'evaluator'):
            return
        self.runner.model.eval()
        for images in (1, FEW):
            try:
                metrics = self._evaluate(loop, images)
            except Exception:  # Some metrics, such as correlations, need several images.
                if images == FEW:
                    raise
            else:
                break
        settings.check_metrics(self.runner, self.places, metrics)

    def _evaluate(self, loop: Any, images: int) -> dict[str, Any]:
        """Return the metrics of the first images, each of which is a batch."""
        for metric in loop.evaluator.metrics:
            metric.results.clear()
        for index in range(min(images, len(loop.dataloader.dataset))):
            batch = _batch(loop.dataloader, 1, index)
            with torch.no_grad(), autocast(enabled=getattr(loop, 'fp16', False)):
                outputs = self.runner.model.val_step(batch)
            self.seen = dict(batch_idx=0, data_batch=batch, outputs=outputs)
            loop.evaluator.process(data_samples=outputs, data_batch=batch)
        return loop.evaluator.evaluate(index + 1)

    def train_one_batch(self) -> None:
        """Run forward, backward and a step of the optimizer, with the penalty and a mask; draw the
        mask of a prune.
        """
        runner = self.runner
        loader = runner.train_dataloader
        whole = loader.drop_last or isinstance(loader.sampler, InfiniteSampler)
        last = 0 if whole else self._share(loader) % (loader.batch_size or IMAGES)
        self.batch = _batch(loader, min(last or IMAGES, IMAGES))
        unseen = copy.deepcopy(self.batch)  # preprocessing may change it
        for hook in runner.hooks:
            if isinstance(hook, SearchHook):
                hook.before_train(runner)
                runner.optim_wrapper.penalty.rho = hook.rho
            elif isinstance(hook, MaskHook):
                runner.optim_wrapper.set_masks({
                    weight: torch.rand_like(weight) < 0.5
                    for weight in hook.weights(runner).values()})
        runner.model.train()
        before = [weight.detach().clone() for weight in self._trained_weights()]
        # The only iteration of its run: gradients that are to be gathered make a step all the same.
        runner.optim_wrapper.initialize_count_status(runner.model, 0, 1)
        self.losses = runner.model.train_step(self.batch, optim_wrapper=runner.optim_wrapper)
        # A scaled loss may overflow at first, and the step is left out; a run's end may rest.
        loss: Any = self.losses.get('loss', 0)
        scaler = getattr(runner.optim_wrapper, 'loss_scaler', None)
        scaled = bool(scaler and scaler.is_enabled())
        if not scaled:
            settings.check_loss(loss)
        sure = bool(loss) and not scaled and not is_resumed(runner)
        settings.check_update(self.places, before, self._trained_weights(), sure)
        with torch.no_grad():
            for weight, old in zip(self._trained_weights(), before, strict=True):
                weight.copy_(old)  # a step at the highest rate may have left no usable ones
        for hook in runner.hooks:
            if isinstance(hook, IntervalHook):
                hook.rehearse(runner, copy.deepcopy(unseen))

    def _trained_weights(self) -> list[torch.Tensor]:
        """Return the weights that are trained."""
        return [weight for weight in self.runner.model.parameters() if weight.requires_grad]

    def load_start(self) -> None:
        """Load the file that the run starts from; refuse one of another architecture."""
        if self.start is not None:
            check_fits_start(self.places.cfg, self.start, unwrap(self.runner))
            self.start = None  # A resumed run reads it by itself.

    def resume(self) -> None:
        """Load the state that the run goes on from, and train one more batch with it.

        Raises:
            TicketError: The checkpoint's optimizer or schedules are none, or others.
        """
        runner, cfg = self.runner, self.places.cfg
        path = start_file(cfg) if cfg.get('resume') else None
        if path is None or is_on_server(path):
            return
        resume_from(runner, path)
        try:
            runner.load_or_resume()
            self.train_one_batch()
            left = range(runner.epoch, runner.max_epochs), range(runner.iter, runner.max_iters)
            for schedule in runner.param_schedulers or () if all(left) else ():
                if not getattr(schedule, 'need_val_args', False):
                    schedule.step()
        except MMSTError:
            raise
        except Exception as error:  # Anything can stand in a file.
            raise TicketError(
                f'{path} cannot be resumed from ({type(error).__name__}: {error}). Remedy: resume '
                'from another checkpoint of this run; to start a new one from these weights use '
                '--cfg-options load_from=PATH.') from error

    def begin_hooks(self) -> None:
        """Let hooks begin, up to the end of a first iteration, and of a first evaluated image.

        Those of the user's own may reach beyond the temporary folder: they come last, where the run
        would start. This project's own check their settings themselves.
        """
        others = [hook for hook in self.runner.hooks if not isinstance(hook, _APART) and (
            isinstance(hook, hooks.CheckpointHook) or 'mmst.' not in type(hook).__module__)]
        batch = dict(batch_idx=0, data_batch=self.batch)
        points = dict(before_run={}, before_train={}, before_train_epoch={},
                      before_train_iter=batch, after_train_iter=dict(batch, outputs=self.losses))
        if self.seen is not None:
            points.update(before_val={}, before_val_epoch={}, after_val_iter=self.seen)
        for point, given in points.items():
            for hook in others:
                if not any(isinstance(hook, kind) and point == long for kind, long in _LONG):
                    getattr(hook, point)(self.runner, **given)


def _batch(loader: DataLoader, most: int, passed: int = 0) -> Any:
    """Return the first images of a batch, or those after some that are passed over."""
    sampler: Any = loader.batch_sampler
    if sampler is None:
        return next(iter(loader))
    drawn = chain.from_iterable(sampler) if passed else next(iter(sampler))
    return loader.collate_fn([loader.dataset[i] for i in islice(drawn, passed, passed + most)])
