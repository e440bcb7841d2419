"""Draws the classes that an image is taken for."""
from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.config import Config
from torch import nn

from ...openmmlab.internals import set_inference_config
from ...registry import VIEWS
from ...tickets import Ticket
from .text import fit, line_height, write
from .view import Subject, View

#: Classes shown; pixels of the panel of bars and of its font.
TOP, WIDTH, SIZE = 5, 320, 20
BAR, TRACK, RIGHT = (45, 90, 165), (232, 232, 232), (20, 115, 60)


@VIEWS.register_module('mmpretrain')
class ClassificationView(View):
    """Draws the five best classes as bars, by mmpretrain's ``ImageClassificationInferencer``."""

    def prepare(self, ticket: Ticket) -> nn.Module:
        from mmpretrain.apis import ImageClassificationInferencer
        network: Any = super().prepare(ticket)
        set_inference_config(network, Config(dict(test_dataloader=dict(dataset=dict(
            pipeline=self.pipeline)))))
        network.inferencer = ImageClassificationInferencer(network)
        return network

    def predict(self, network: Any, subject: Subject) -> Any:
        # Not called as a whole: that would show a progress bar for each image.
        data, = network.inferencer.preprocess([subject.image])
        sample, = network.inferencer.forward(data)
        if subject.truth is not None:
            sample.set_gt_label(subject.truth.gt_label)
        return sample

    def draw(self, image: np.ndarray, sample: Any, truth: bool = False) -> np.ndarray:
        """Return the bars alone: the image has a column of its own. A known right class is green.
        """
        right = int(sample.gt_label[0]) if 'gt_label' in sample else None
        rows: list[tuple[int, float | None]] = (
            [(right, None)] if truth and right is not None
            else [*best(sample.pred_score.cpu().numpy())])
        high = line_height(SIZE) + 6
        panel = np.full((high * TOP, WIDTH, 3), 255, np.uint8)
        for i, (label, score) in enumerate(rows):
            top, colour = i * high, RIGHT if label == right else BAR
            if score is not None:
                panel[top:top + high - 4] = TRACK
                panel[top:top + high - 4, :max(1, round(score * WIDTH))] = tint(colour)
                panel = write(panel, f'{score:.2f}', (WIDTH - 4, top), SIZE, right=True)
            name = fit(self.name(label), WIDTH - 60, SIZE)
            panel = write(panel, name, (4, top), SIZE, colour)
        return panel

    def legend(self, samples: Sequence[Any]) -> list[tuple[str, Sequence[int]]]:
        return [('the right class', RIGHT), ('another class', BAR)]

    def name(self, label: int) -> str:
        """Return a class's name, or its number where the data set has no names."""
        classes = self.meta.get('classes')
        return classes[label] if classes and label < len(classes) else f'class {label}'

    def label(self, dataset: Any, image: int) -> Subject:
        import mmcv
        from mmpretrain.structures import DataSample
        found = dataset.get_data_info(image)
        return Subject(found['img_path'], mmcv.imread(found['img_path']),
                       truth=DataSample().set_gt_label(int(found['gt_label'])))


def best(scores: np.ndarray, count: int = TOP) -> list[tuple[int, float]]:
    """Return the class and score of the ``count`` largest scores, the best first."""
    order = np.argsort(-scores, kind='stable')[:count]
    return [(int(i), float(scores[i])) for i in order]


def tint(colour: tuple[int, int, int]) -> tuple[int, ...]:
    """Return the colour mixed with white, for text of the same colour to stand on."""
    return tuple(round(255 - 0.45 * (255 - part)) for part in colour)
