"""Warns of windows that exported networks do not slide."""
import logging
from typing import Any

from mmengine.logging import print_log
from torch import nn

from .answers import slides


def warn_of_windows(model: nn.Module) -> None:
    """Log a warning where mmseg evaluates a network on windows: a file holds the network alone.

    Args:
        model (nn.Module): The toolbox's model.
    """
    if slides(model):
        settings: Any = model.test_cfg
        print_log(
            f'test_cfg slides a window of {_pixels(settings.get("crop_size"))} by '
            f'{_pixels(settings.get("stride"))} over an image; what is written takes all of an '
            'image at once, so that labels of larger ones differ from those of the evaluation. '
            "Remedy: give it such windows and average their scores, or evaluate with mode='whole'.",
            'current', logging.WARNING)


def _pixels(size: object) -> str:
    """Return (height, width) in words."""
    return 'x'.join(map(str, size)) if isinstance(size, (list, tuple)) else f'{size!r:.20}'
