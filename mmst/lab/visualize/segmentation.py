"""Draws segmentation maps."""
from collections.abc import Sequence
from typing import Any

import mmcv
import numpy as np
from mmengine.config import Config
from mmengine.dataset import Compose
from torch import nn

from ...registry import VIEWS
from ...tickets import Ticket
from .view import Subject, View


@VIEWS.register_module('mmseg')
class SegmentationView(View):
    """Uses mmseg's ``inference_model`` and ``SegLocalVisualizer`` (supplement, Fig. 4)."""

    def prepare(self, ticket: Ticket) -> nn.Module:
        network = super().prepare(ticket)
        # mmseg changes the pipeline that it finds here.
        network.cfg = Config(dict(test_pipeline=self.pipeline))
        return network

    def predict(self, network: nn.Module, subject: Subject) -> Any:
        from mmseg.apis import inference_model
        return inference_model(network, subject.image)

    def draw(self, image: np.ndarray, sample: Any, truth: bool = False) -> np.ndarray:
        from mmseg.visualization import SegLocalVisualizer
        visualizer = SegLocalVisualizer(alpha=self.opacity)
        # Its constructor takes classes for colours.
        visualizer.dataset_meta = dict(classes=self.meta['classes'], palette=self.meta['palette'])
        visualizer.add_datasample('', image, sample, draw_gt=truth, draw_pred=not truth,
                                  with_labels=False)
        return visualizer.get_image()

    def label(self, dataset: Any, image: int) -> Subject:
        found = dataset.get_data_info(image)
        # At the image's own size rather than that of the test pipeline.
        load = Compose([dict(type='LoadImageFromFile'), dict(type='LoadAnnotations'),
                        dict(type='PackSegInputs')])
        return Subject(found['img_path'], mmcv.imread(found['img_path']),
                       truth=load(found)['data_samples'])

    def legend(self, samples: Sequence[Any]) -> list[tuple[str, Sequence[int]]]:
        classes, palette = self.meta['classes'], self.meta['palette']
        shown = sorted({int(label) for sample in samples for label in _map(sample).unique()})
        return [(classes[i], palette[i]) for i in shown if i < len(classes)]


def _map(sample: Any):
    found = 'pred_sem_seg' if 'pred_sem_seg' in sample else 'gt_sem_seg'
    return sample.get(found).data
