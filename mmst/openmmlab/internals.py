"""Gives OpenMMLab's private parts public names.

No other file touches them, of another object or of its own base class, so that a new version of
mmengine is adapted to here; a subclass may override a method. This file is there before mmengine's
modules, and imports none of them by itself.
"""
from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmengine.config import Config
    from mmengine.logging import MMLogger
    from mmengine.optim import AmpOptimWrapper, OneCycleLR, OptimWrapper
    from mmengine.optim.scheduler.param_scheduler import _ParamScheduler as ParamScheduler
    from mmengine.runner import BaseLoop, Runner
    from mmengine.utils import ManagerMixin
    from mmengine.visualization import Visualizer
    from mmengine.visualization.vis_backend import BaseVisBackend
    from torch import Tensor, nn
    from torch.utils.data import DataLoader


def is_resumed(runner: Runner) -> bool:
    """Return whether the run goes on from a checkpoint with its optimizer, rather than starting."""
    return bool(runner._resume)


def file_to_load(runner: Runner) -> str | None:
    """Return the file that the run starts or goes on from; None: one is looked for, or there is
    none.
    """
    return runner._load_from


def resume_from(runner: Runner, path: str | None) -> None:
    """Let the run go on from a checkpoint; where there is None, let it start."""
    runner._load_from, runner._resume = path, path is not None


def is_on_server(path: str) -> bool:
    """Return whether mmengine loads a checkpoint of this name from elsewhere than a local file."""
    from mmengine.runner.checkpoint import CheckpointLoader, load_from_local
    return CheckpointLoader._get_checkpoint_loader(path) is not load_from_local


def is_training(runner: Runner) -> bool:
    """Return whether the runner trains, not only tests or validates: its loop is built then."""
    from mmengine.runner import BaseLoop
    return isinstance(runner._train_loop, BaseLoop)


def loader_of(runner: Runner, split: str = 'train') -> Any:
    """Return the loader of ``'train'``, ``'val'`` or ``'test'``, or its settings as long as it is
    not built; None where there is none.
    """
    return getattr(runner, f'_{split}_dataloader')


def validation_loop(runner: Runner) -> Any:
    """Return the validation loop, or its settings as long as it is not built; None where there is
    none.
    """
    return runner._val_loop


def set_loader(runner: Runner, split: str, loader: DataLoader[Any]) -> None:
    """Give the runner a built loader of ``'train'``, ``'val'`` or ``'test'``."""
    setattr(runner, f'_{split}_dataloader', loader)


def set_alone(runner: Runner, name: str) -> None:
    """Let a runner be a single process, and call its run ``name`` in place of the time of day."""
    runner._rank, runner._world_size, runner._timestamp = 0, 1, name


def initialize_weights(runner: Runner) -> None:
    """Initialise the model's weights as ``Runner.train`` does."""
    runner._init_model_weights()


def beginning(kind: type[BaseVisBackend]) -> Callable[..., Any]:
    """Return the function in which a visualizer's backend begins."""
    return kind._init_env


def named_instances(kind: type[ManagerMixin]) -> dict[str, Any]:
    """Return the live table of the named instances (``get_instance``) of a class, e.g. of loggers.
    """
    return kind._instance_dict


def forget_levels(logger: MMLogger) -> None:
    """Let a logger ask anew which levels pass: it remembers them, and ``logging.disable`` makes
    those loggers alone forget that ``logging.getLogger`` has made.
    """
    logger._cache.clear()


def compile_step(runner: Runner) -> None:
    """Compile the training step of the runner's present model where the config asks for it."""
    runner._maybe_compile('train_step')


def add_epoch(loop: BaseLoop) -> None:
    """Count one more epoch of a training loop as done."""
    loop._epoch += 1


def steps_of(scheduler: ParamScheduler) -> int:
    """Return how many steps a parameter scheduler was asked for, those before its begin too."""
    return scheduler._global_step


def jump(scheduler: ParamScheduler, steps: int) -> None:
    """Let a parameter scheduler go on as if it had been asked for a number of steps."""
    scheduler._global_step = steps
    scheduler.last_step = max(scheduler.last_step, min(steps, scheduler.end - 1) - scheduler.begin)


def phases_of(scheduler: OneCycleLR) -> Sequence[Mapping[str, Any]]:
    """Return the phases of one cycle: ``end_step``, and the levels at which each starts and ends.
    """
    return scheduler._schedule_phases


def accumulation(wrapper: OptimWrapper) -> int:
    """Return how many iterations an optimizer wrapper gathers gradients for a step."""
    return wrapper._accumulative_counts


def iterations_of(wrapper: OptimWrapper) -> int:
    """Return how many iterations an optimizer wrapper has seen."""
    return wrapper._inner_count


def set_iterations(wrapper: OptimWrapper, count: int) -> None:
    """Let an optimizer wrapper go on as if it had seen a number of iterations."""
    wrapper._inner_count = count


def clip_gradients(wrapper: OptimWrapper) -> None:
    """Clip the gradients of an optimizer wrapper by its own settings."""
    wrapper._clip_grad()


def scale_after_step(wrapper: AmpOptimWrapper) -> float | None:
    """Return the scale of losses after each step; None: the scaler finds it."""
    return wrapper._scale_update_param


def let_scale_be(wrapper: AmpOptimWrapper) -> None:
    """Give an optimizer wrapper's scaler no scale of losses."""
    wrapper._scale_update_param = None


def visualizer_backends(visualizer: Visualizer) -> Iterable[Any]:
    """Return the backends of a visualizer."""
    return visualizer._vis_backends.values()


def notes_initialization(module: nn.Module) -> bool:
    """Return whether mmengine is taking note of how a module's parameters are initialised."""
    return hasattr(module, '_params_init_info')


def forget_initialization(network: nn.Module) -> None:
    """Let ``init_weights`` note nothing in a log: there is no run that this network belongs to."""
    network._dump_init_info = lambda *args: None  # type: ignore[assignment]


def lock_release(manager: ModuleType) -> Callable[[], None]:
    """Return the function that gives the lock of ``mmengine.utils.manager`` back."""
    return manager._release_lock


def wrap_base_paths(config: ModuleType, own: Callable[..., Any]) -> None:
    """Let ``own(theirs, path, file)`` find the base configs of ``mmengine.config.config``, once."""
    theirs = config.Config._get_cfg_path
    if not isinstance(theirs, functools.partial):
        config.Config._get_cfg_path = staticmethod(functools.partial(own, theirs))


@contextmanager
def watch_reading(begin: Callable[[Any], Any], end: Callable[[Any], Any]) -> Iterator[None]:
    """Call ``begin(path)`` and ``end(path)`` around each config file that is read in the block."""
    from unittest import mock

    from mmengine.config import Config

    def watch(read: Callable) -> staticmethod:
        def read_one(filename: Any, *args: Any, **kwargs: Any) -> Any:
            begin(filename)
            try:
                return read(filename, *args, **kwargs)
            finally:
                end(filename)
        return staticmethod(read_one)

    with mock.patch.multiple(Config, _file2dict=watch(Config._file2dict),
                             _parse_lazy_import=watch(Config._parse_lazy_import)):
        yield


def wrap_hub_paths(hub: ModuleType, utils: ModuleType, own: Callable[..., Any]) -> None:
    """Let ``own(theirs, path)`` find the configs of ``mmengine.hub.hub``.

    Args:
        hub (ModuleType): It looks the function up there.
        utils (ModuleType): ``mmengine.config.utils``, which has mmengine's own.
        own (Callable): Called with mmengine's own function and a config's path.
    """
    hub._get_package_and_cfg_path = functools.partial(  # type: ignore[attr-defined]
        own, utils._get_package_and_cfg_path)


def load_content(checkpoint: ModuleType, filename: str, map_location: Any) -> Any:
    """Return a file's content as ``mmengine.runner.checkpoint`` loads it."""
    return checkpoint._load_checkpoint(filename, map_location=map_location)


def part_loader(checkpoint: ModuleType) -> Callable[..., Any]:
    """Return the function ``(prefix, filename, map_location)`` of ``mmengine.runner.checkpoint``
    that loads a part of a state.
    """
    return checkpoint._load_checkpoint_with_prefix


def set_part_loader(checkpoint: ModuleType, function: Callable[..., Any]) -> None:
    """Replace the function that :func:`part_loader` returns."""
    checkpoint._load_checkpoint_with_prefix = function  # type: ignore[attr-defined]


def set_operations(mmcv: ModuleType, operations: ModuleType) -> None:
    """Give mmcv its compiled operations."""
    mmcv._ext = operations  # type: ignore[attr-defined]


def set_inference_config(network: nn.Module, cfg: Config) -> None:
    """Give a network the config in which mmpretrain's inferencers look for its pipeline."""
    network._config = cfg


def raw_settings(cfg: Config) -> Any:
    """Return the settings that a config wraps; parts of the lazy style are not built."""
    return cfg._cfg_dict


def classifier_of(model: nn.Module) -> Callable[[Tensor], Tensor] | None:
    """Return what mmpretrain makes of the output (1, classes) of a classifier's head: scores
    (classes, ), which are shares of one, or of multi-label heads a chance of each class.

    None: the network has no such head.
    """
    parts: tuple[Any, ...] = (getattr(model, 'head', None), model)
    for part in parts:
        if hasattr(part, '_get_predictions'):
            return lambda outputs: part._get_predictions(outputs, None)[0].pred_score
    return None
