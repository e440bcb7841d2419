"""Finds objects that hooks share: the unwrapped model, the averaged model, each other."""
from collections.abc import Sequence
from typing import Protocol, TypeVar

from mmengine.hooks import EMAHook, Hook
from mmengine.model import BaseAveragedModel, is_model_wrapper
from mmengine.runner import Runner
from torch import nn

from ...errors import config_error

H = TypeVar('H', bound=Hook)


class WithHooks(Protocol):
    """Is a runner, or the plan of one."""

    @property
    def hooks(self) -> Sequence[Hook]:
        """Return the run's hooks."""


def unwrap(runner: Runner) -> nn.Module:
    """Return the model without its distributed wrapper."""
    return runner.model.module if is_model_wrapper(runner.model) else runner.model


def find_hook(run: WithHooks, kind: type[H]) -> H | None:
    """Return the run's hook of a class, or None."""
    return next((hook for hook in run.hooks if isinstance(hook, kind)), None)


def averaged_model(runner: Runner) -> BaseAveragedModel | None:
    """Return the EMA model, or None.

    Raises:
        ConfigError: The hook is to act after those of this project, which need its copy.
    """
    hook = find_hook(runner, EMAHook)
    if hook is not None and not hasattr(hook, 'ema_model'):
        raise config_error(f'{type(hook).__name__}.priority', hook.priority,
                           'it acts after hooks that need its average',
                           'give it priority=49')
    return hook.ema_model if hook is not None else None


def models(runner: Runner) -> list[nn.Module]:
    """Return the model in training and, where there is one, its averaged copy."""
    ema = averaged_model(runner)
    return [unwrap(runner)] + ([ema.module] if ema is not None else [])


def evaluated_model(runner: Runner) -> nn.Module:
    """Return the model that validation sees and that becomes the ticket: the average, if any."""
    return models(runner)[-1]


def refresh_averaged(runner: Runner) -> None:
    """Let the averaged model hold its tensors themselves, after some have been replaced.

    Tensors that a search cuts stay the same objects, so that one call before training serves all
    searches.
    """
    ema = averaged_model(runner)
    if ema is not None:
        ema.avg_parameters = (ema.module.state_dict(keep_vars=True) if ema.update_buffers else
                              dict(ema.module.named_parameters()))
