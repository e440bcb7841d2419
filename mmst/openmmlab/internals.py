"""Gives mmengine's private parts public names.

Nothing else touches such attributes of another object, so that a new version of mmengine is
adapted to here. A subclass may use inherited members as it likes.
"""
from collections.abc import Callable, Iterable
from typing import Any

from mmengine.optim.scheduler.param_scheduler import _ParamScheduler
from mmengine.runner import BaseLoop, Runner
from mmengine.runner.checkpoint import CheckpointLoader, load_from_local
from mmengine.utils import ManagerMixin
from mmengine.visualization import Visualizer
from mmengine.visualization.vis_backend import BaseVisBackend
from torch import nn
from torch.utils.data import DataLoader


def is_resumed(runner: Runner) -> bool:
    """Return whether the run goes on from a checkpoint with its optimizer, rather than starting."""
    return bool(runner._resume)


def start_file(runner: Runner) -> str | None:
    """Return the file that the run starts or goes on from; None: one is looked for, or there is
    none.
    """
    return runner._load_from


def resume_from(runner: Runner, path: str | None) -> None:
    """Let the run go on from a checkpoint; where there is None, let it start."""
    runner._load_from, runner._resume = path, path is not None


def is_on_server(path: str) -> bool:
    """Return whether mmengine loads a checkpoint of this name from elsewhere than a local file."""
    return CheckpointLoader._get_checkpoint_loader(path) is not load_from_local


def is_training(runner: Runner) -> bool:
    """Return whether the runner trains, not only tests or validates: its loop is built then."""
    return isinstance(runner._train_loop, BaseLoop)


def training_data(runner: Runner) -> Any:
    """Return the training loader, or its settings as long as it is not built; None where there is
    none.
    """
    return runner._train_dataloader


def validation_loop(runner: Runner) -> Any:
    """Return the validation loop, or its settings as long as it is not built; None where there is
    none.
    """
    return runner._val_loop


def set_loader(runner: Runner, split: str, loader: DataLoader[Any]) -> None:
    """Give the runner a built loader of ``'train'``, ``'val'`` or ``'test'``."""
    setattr(runner, f'_{split}_dataloader', loader)


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


def compile_step(runner: Runner) -> None:
    """Compile the training step of the runner's present model where the config asks for it."""
    runner._maybe_compile('train_step')


def add_epoch(loop: BaseLoop) -> None:
    """Count one more epoch of a training loop as done."""
    loop._epoch += 1


def steps_of(scheduler: _ParamScheduler) -> int:
    """Return how many steps a parameter scheduler was asked for, those before its begin too."""
    return scheduler._global_step


def jump(scheduler: _ParamScheduler, steps: int) -> None:
    """Let a parameter scheduler go on as if it had been asked for a number of steps."""
    scheduler._global_step = steps
    scheduler.last_step = max(scheduler.last_step, min(steps, scheduler.end - 1) - scheduler.begin)


def visualizer_backends(visualizer: Visualizer) -> Iterable[Any]:
    """Return the backends of a visualizer."""
    return visualizer._vis_backends.values()


def notes_initialization(module: nn.Module) -> bool:
    """Return whether mmengine is taking note of how a module's parameters are initialised."""
    return hasattr(module, '_params_init_info')


def forget_initialization(network: nn.Module) -> None:
    """Let ``init_weights`` note nothing in a log: there is no run that this network belongs to."""
    network._dump_init_info = lambda *args: None  # type: ignore[assignment]
