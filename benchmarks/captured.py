"""Refuses figures of forms that ran without the CUDA graphs that they are called by."""
from collections.abc import Iterable

from mmengine.runner import Runner
from torch import nn
from training_tasks import DEVICE

from mmst.engine import FastTrainingHook
from mmst.engine.run.runner_views import find_hook
from mmst.kernels.graphed import GraphedForward
from mmst.kernels.side_streams import SideStreams


class Failed(Exception):
    """Says why a part's figures would not be what they are called."""


def graphs(run: Runner) -> list[GraphedForward]:
    """Return the parts of a run that should replay."""
    return find_hook(run, FastTrainingHook).graphs


def graphed_parts(model: nn.Module) -> list[GraphedForward]:
    """Return the parts of a network that ``graph_parts`` has let replay."""
    return [forward for part in model.children()
            if isinstance(forward := vars(part).get('forward'), GraphedForward)]


def check_captured(parts: Iterable[GraphedForward]) -> None:
    """Raise unless each part has a graph; on a CPU nothing has.

    Raises:
        Failed: A form was not captured.
    """
    if DEVICE == 'cpu':
        return
    parts = list(parts)
    if not parts:
        raise Failed('no part of the network was given to CUDA graphs')
    for part in parts:
        if not part.forms() or part.reasons or part.group.off:
            why = '; '.join(part.reasons) or f'{part.captures} captures, and none was kept'
            raise Failed(f'{type(part.module).__name__} ran without a CUDA graph: {why}')


def check_forked(parts: Iterable[GraphedForward], wanted: bool) -> None:
    """Raise where paths in graphs run in order though ``wanted`` side by side; not on a CPU.

    Raises:
        Failed: They do.
    """
    if DEVICE == 'cuda' and wanted and any(part.group.sides is None for part in parts):
        raise Failed(f'paths ran in order: {SideStreams.obstacle() or "kernels are off"}')
