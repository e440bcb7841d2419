"""Draws a task's predictions."""
import copy
import functools
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.registry import DATASETS, TRANSFORMS
from torch import nn

from ...errors import DataError, config_error
from ...registry import VIEWS
from ...settings.checks import check_number
from ...settings.kinds import kind_name
from ...settings.resolve import resolve
from ...tickets import Ticket


@dataclass(frozen=True)
class Subject:
    """Is an image to predict on.

    Attributes:
        name (str): For messages, and to look boxes up.
        image (np.ndarray): (H, W, 3) uint8, blue first.
        boxes (np.ndarray, optional): (N, 4) float32, x1 y1 x2 y2 in pixels; for key points.
        truth: The toolbox's data sample with the annotations, where there are any.
    """
    name: str
    image: np.ndarray
    boxes: np.ndarray | None = None
    truth: Any = None


class View(ABC):
    """Predicts and draws with the inference functions and visualizers of a task's toolbox.

    To add a task: a file next to this one with a subclass that is registered in ``VIEWS`` under the
    toolbox's scope, imported in ``__init__.py``.

    Args:
        cfg (Config): The whole config; its test pipeline is used.
        threshold (float): Score from which a prediction is drawn, where a task has such scores.
        opacity (float): Of the paint over the image, 0 to 1.
    """

    def __init__(self, cfg: Config, threshold: float = 0.3, opacity: float = 0.6):
        self.cfg = cfg
        self.threshold = check_number('threshold', threshold, low=0, high=1, remedy='use 0.3')
        self.opacity = check_number('opacity', opacity, low=0, high=1, remedy='use 0.6')

    @abstractmethod
    def predict(self, network: nn.Module, subject: Subject) -> Any:
        """Return the toolbox's data sample with the prediction."""

    @abstractmethod
    def draw(self, image: np.ndarray, sample: Any, truth: bool = False) -> np.ndarray:
        """Return the picture of a prediction, or of the annotations.

        Args:
            image (np.ndarray): (H, W, 3) uint8, red first.
            sample: From :meth:`predict`, or ``Subject.truth``.
            truth (bool): Whether ``sample`` has annotations rather than a prediction.

        Returns:
            np.ndarray: (H', W', 3) uint8, red first; the same size for all samples of an image.
        """

    @abstractmethod
    def label(self, dataset: Any, image: Any) -> Subject:
        """Return an image of the config's data, one of :meth:`images`, with its annotations."""

    def images(self, dataset: Any) -> Sequence[Any]:
        """Return a key for each image of the data: the number of its sample."""
        return range(len(dataset))

    def legend(self, samples: Sequence[Any]) -> list[tuple[str, Sequence[int]]]:
        """Return names and colours (red, green, blue) of the samples, for a legend."""
        return []

    def remark(self, samples: Sequence[Any]) -> str:
        """Return notes for the user about the drawn predictions; empty if there are none."""
        return ''

    @property
    def pipeline(self) -> list[dict[str, Any]]:
        """Return a copy of the test pipeline's settings, with the class names toolboxes expect."""
        steps = copy.deepcopy(_loader(self.cfg).dataset.get('pipeline', []))
        for step in steps:
            kind, name = step.get('type'), kind_name(step)
            if not isinstance(kind, str) and resolve(TRANSFORMS, name) is kind:
                step['type'] = name
        return steps

    def prepare(self, ticket: Ticket) -> nn.Module:
        """Return the ticket's network with the attributes that inference functions look for.

        Raises:
            TicketError: The network cannot be built.
        """
        return ticket.build()

    @functools.cached_property
    def meta(self) -> dict[str, Any]:
        """Return the validation data's classes, colours and skeleton, without reading the data."""
        return DATASETS.build(dict(self.cfg.val_dataloader.dataset, lazy_init=True)).metainfo

    def subjects(self, indices: Sequence[int]) -> list[Subject]:
        """Return images of the validation data with their annotations.

        Raises:
            DataError: There is no image of such an index.
        """
        dataset = DATASETS.build(self.cfg.val_dataloader.dataset)
        images = self.images(dataset)
        for index in indices:
            if not 0 <= index < len(images):
                raise DataError(f'--indices {index}: the validation data have {len(images)} '
                                f'images. Remedy: give indices from 0 to {len(images) - 1}.')
        return [self.label(dataset, images[index]) for index in indices]


def view_of(cfg: Config, **settings: Any) -> View:
    """Return the view of a config's task. The default scope must be the config's.

    Raises:
        ConfigError: Nothing is known to draw this task.
    """
    VIEWS.import_from_location()
    scope = cfg.get('default_scope')
    if scope not in VIEWS.module_dict:
        raise config_error('default_scope', scope, 'no view draws this task',
                           f'use a config of {", ".join(sorted(VIEWS.module_dict))}')
    return VIEWS.module_dict[scope](cfg, **settings)


def _loader(cfg: Config) -> Any:
    for name in ('test_dataloader', 'val_dataloader'):
        if cfg.get(name) is not None:
            return cfg[name]
    raise config_error('test_dataloader', None, 'its pipeline prepares the images',
                       'give a whole config, e.g. configs/st_hrnas_cityscapes_p90.py')
