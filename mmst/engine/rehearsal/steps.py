"""Takes the steps of a rehearsal: each part of a run once, in small."""
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dataset import InfiniteSampler
from mmengine.dist import utils
from mmengine.hooks import CheckpointHook, EMAHook, NPUProfilerHook, ProfilerHook, RuntimeInfoHook
from mmengine.registry import FUNCTIONS
from mmengine.runner import Runner, autocast
from torch.utils.data import DataLoader

from ...errors import config_error
from ...search.adapters import accept_searched_states
from ..hooks.interval_hook import IntervalHook, plan_of
from ..hooks.mask_hook import MaskHook
from ..hooks.search_hook import SearchHook
from ..run.runner_views import unwrapped
from . import settings
from .explain import check_name

#: Images of a training batch: enough for BN, few enough for any device.
IMAGES = 2
#: Packages whose hooks are known to stay within the work directory when they begin.
OPENMMLAB = ('mmengine', 'mmseg', 'mmpretrain', 'mmpose', 'mmdet')


def build_loader(runner: Runner, split: str, processes: int) -> None:
    """Build a dataloader as the run will, workers and all; none of them is started."""
    cfg = getattr(runner, f'_{split}_dataloader')
    if isinstance(cfg, dict):
        for name in ('collate_fn', 'worker_init_fn'):
            if isinstance(cfg.get(name), dict):
                check_name(FUNCTIONS, f'{split}_dataloader.{name}.type', cfg[name].get('type'))
        with _one_of(processes):
            loader = runner.build_dataloader(cfg, seed=runner.seed)
        setattr(runner, f'_{split}_dataloader', loader)


@contextmanager
def _one_of(processes: int) -> Iterator[None]:
    """Let samplers take this process's share of the images; the processes are not connected."""
    before, rank = (utils.get_world_size, utils.get_rank), int(os.environ.get('RANK', 0))
    if processes > 1:
        utils.get_world_size, utils.get_rank = lambda group=None: processes, lambda group=None: rank
    try:
        yield
    finally:
        utils.get_world_size, utils.get_rank = before


def build_train_loop(runner: Runner) -> None:
    """Build the loop; refuse data that fill no batch."""
    loader = runner._train_dataloader
    if not len(loader):
        raise config_error('train_dataloader.batch_size', loader.batch_size, f'each process has '
                           f'{len(loader.sampler)} images, which fill no batch',
                           'use a smaller batch_size, or more images')
    runner._train_loop = runner.build_train_loop(runner._train_loop)
    settings.check_loop(runner)


def build_optimizer(runner: Runner) -> None:
    """Build the optimizer with its wrapper."""
    settings.check_one_optimizer(runner.cfg.optim_wrapper)
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    settings.check_rules(runner)


def build_schedulers(runner: Runner) -> None:
    """Build the schedules."""
    if runner.param_schedulers is not None:
        runner.param_schedulers = runner.build_param_scheduler(runner.param_schedulers)


def build_val_loop(runner: Runner) -> None:
    """Build the loop of evaluations, with the evaluator."""
    if runner._val_loop is not None:
        runner._val_loop = runner.build_val_loop(runner._val_loop)


def check_hooks(runner: Runner) -> None:
    """Let hooks check the run; of their work only the averaged copy of the model is done."""
    accept_searched_states(unwrapped(runner))
    settings.check_hooks(runner)
    for hook in runner.hooks:
        if isinstance(hook, EMAHook):
            hook.before_run(runner)
    for hook in runner.hooks:
        if isinstance(hook, IntervalHook):
            hook.check_plan(plan_of(runner))


def start_hooks(runner: Runner) -> None:
    """Let hooks of OpenMMLab's packages begin; this project's own check their settings themselves.

    Hooks of others are built alone: their effects may reach beyond the temporary folder.
    """
    others = [hook for hook in runner.hooks if (
        isinstance(hook, CheckpointHook) or type(hook).__module__.split('.')[0] in OPENMMLAB)
              and not isinstance(hook, (ProfilerHook, NPUProfilerHook))]  # which would go on
    for hook in others:
        # Formatting a config takes longer than a step; copies of the model are made already.
        if not isinstance(hook, (EMAHook, RuntimeInfoHook)):
            hook.before_run(runner)
    for hook in others:
        hook.before_train(runner)


def train_one_batch(runner: Runner) -> None:
    """Run forward, backward and a step of the optimizer, with the search's penalty and a mask."""
    batch = _batch(runner.train_dataloader, IMAGES)
    for hook in runner.hooks:
        if isinstance(hook, SearchHook):
            hook.before_train(runner)
            runner.optim_wrapper.penalty.rho = hook.rho
        elif isinstance(hook, MaskHook):
            runner.optim_wrapper.set_masks(
                {weight: torch.rand_like(weight) < 0.5 for weight in hook.weights(runner).values()})
    runner.model.train()
    # The only iteration of its run: gradients that are to be gathered make a step all the same.
    runner.optim_wrapper.initialize_count_status(runner.model, 0, 1)
    runner.model.train_step(batch, optim_wrapper=runner.optim_wrapper)


def evaluate_one_image(runner: Runner) -> None:
    """Pass one image through test pipeline, model and evaluator; check the metrics asked for."""
    loop = runner._val_loop
    if loop is None or not hasattr(loop, 'evaluator'):
        return
    batch = _batch(loop.dataloader, 1)
    runner.model.eval()
    with torch.no_grad(), autocast(enabled=getattr(loop, 'fp16', False)):
        outputs = runner.model.val_step(batch)
    loop.evaluator.process(data_samples=outputs, data_batch=batch)
    settings.check_metrics(runner, loop.evaluator.evaluate(1))


def run_schedulers(runner: Runner) -> None:
    """Step each schedule as often as the run will."""
    for key, scheduler in settings.schedulers(runner):
        settings.check_cycle(runner, key, scheduler)
        if not getattr(scheduler, 'need_val_args', False):
            for _ in range(runner.max_epochs if scheduler.by_epoch else runner.max_iters):
                scheduler.step()


def names_of(runner: Runner, cfg: Config) -> dict[int, str]:
    """Return the config's keys of all that has been built so far, by identity."""
    names = {id(runner.optim_wrapper): 'optim_wrapper',
             id(getattr(runner.optim_wrapper, 'optimizer', None)): 'optim_wrapper.optimizer'}
    for name, module in unwrapped(runner).named_modules():
        names[id(module)] = _model_key(cfg.model, name)
    for key in ('train_dataloader', 'val_dataloader'):
        loader = getattr(runner, f'_{key}')
        if isinstance(loader, DataLoader):
            names[id(loader.sampler)] = f'{key}.sampler'
            names.update(_data_names(loader.dataset, f'{key}.dataset'))
    evaluator, several = getattr(runner._val_loop, 'evaluator', None), cfg.get('val_evaluator')
    for i, metric in enumerate(getattr(evaluator, 'metrics', ())):
        names[id(metric)] = f'val_evaluator[{i}]' if isinstance(several, list) else 'val_evaluator'
    names.update({id(made): key for key, made in [*settings.schedulers(runner),
                                                  *settings.hooks(runner)]})
    return names


def _batch(loader: DataLoader, most: int) -> Any:
    """Return the first images that the loader gives; one where the run's smallest batch has one."""
    sampler = loader.batch_sampler
    if sampler is None:
        return next(iter(loader))
    indices = list(islice(next(iter(sampler)), most))
    if not loader.drop_last and not isinstance(loader.sampler, InfiniteSampler):
        rest = len(loader.sampler) % (loader.batch_size or most)
        indices = indices[:rest or most]
    return loader.collate_fn([loader.dataset[index] for index in indices])


def _data_names(dataset: Any, key: str) -> Iterator[tuple[int, str]]:
    yield id(dataset), key
    for i, transform in enumerate(getattr(getattr(dataset, 'pipeline', None), 'transforms', ())):
        yield id(transform), f'{key}.pipeline[{i}]'
    inner = getattr(dataset, 'datasets', None)
    if inner is not None:
        for i, part in enumerate(inner):
            yield from _data_names(part, f'{key}.datasets[{i}]')
    elif hasattr(dataset, 'dataset'):
        yield from _data_names(dataset.dataset, f'{key}.dataset')


def _model_key(cfg: Any, path: str) -> str:
    """Return the key of the innermost part of the model's config that a module belongs to."""
    key = 'model'
    for name in path.split('.'):
        if isinstance(cfg, (list, tuple)) and name.isdigit() and int(name) < len(cfg):
            key, cfg = f'{key}[{name}]', cfg[int(name)]
        elif isinstance(cfg, dict) and isinstance(cfg.get(name), (dict, list, tuple)):
            key, cfg = f'{key}.{name}', cfg[name]
        else:
            break
    return key
