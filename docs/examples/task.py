"""A task is added that no toolbox has here: how far away each pixel is."""
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from mmengine.registry import METRICS, MODELS
from mmengine.structures import BaseDataElement
from torch import Tensor, nn

from mmst.lab.visualize import Subject, View
from mmst.registry import VIEWS


@MODELS.register_module()
class DepthEstimator(BaseModel):
    """Estimates one distance a pixel: supernet, neck and a 1x1 conv.

    The parts are called ``backbone`` and ``neck``, as in the toolboxes: these are searched and
    pruned, and a ticket holds their config.

    Args:
        backbone (dict): E.g. ``dict(type='mmst.HRNASSupernet')``.
        neck (dict): E.g. ``dict(type='mmst.DensePredictionNeck', out_channels=90)``.
        channels (int): Channels of the neck's output.
    """

    def __init__(self, backbone: dict, neck: dict, channels: int,
                 data_preprocessor: dict | None = None, init_cfg: dict | None = None):
        super().__init__(data_preprocessor, init_cfg)
        self.backbone, self.neck = MODELS.build(backbone), MODELS.build(neck)
        self.head = nn.Conv2d(channels, 1, 1)

    def forward(self, inputs: Tensor, distance: Tensor | None = None, mode: str = 'tensor'
                ) -> Any:
        """Return the loss against ``distance`` (N, H, W), or a list of (H, W) predictions."""
        out = self.head(self.neck(self.backbone(inputs))[0])
        out = F.interpolate(out, inputs.shape[-2:], mode='bilinear', align_corners=False)[:, 0]
        if mode == 'loss':
            return dict(loss=F.smooth_l1_loss(out, distance))
        return list(out) if mode == 'predict' else out


@METRICS.register_module()
class MeanDistanceError(BaseMetric):
    """Averages the absolute error over all pixels."""
    default_prefix = 'depth'

    def process(self, data_batch: Any, data_samples: Any) -> None:
        for found, right in zip(data_samples, data_batch['distance'], strict=True):
            self.results.append(float((found.cpu() - right).abs().mean()))

    def compute_metrics(self, results: list) -> dict:
        return dict(error=float(np.mean(results)))


@VIEWS.register_module('mmengine')  # the default_scope of such a config
class DepthView(View):
    """Lets mmst visualize draw the task: near is bright."""

    def predict(self, network: nn.Module, subject: Subject) -> BaseDataElement:
        image = torch.from_numpy(subject.image.transpose(2, 0, 1).copy())
        with torch.no_grad():
            distance, = network(image[None].float(), mode='predict')
        return BaseDataElement(distance=distance)

    def draw(self, image: np.ndarray, sample: BaseDataElement, truth: bool = False) -> np.ndarray:
        near = (1 - sample.distance.clamp(0, 1).cpu().numpy()) * 255
        return np.repeat(near.astype(np.uint8)[..., None], 3, axis=2)

    def label(self, dataset: Any, image: int) -> Subject:
        sample = dataset[image]
        pixels = sample['inputs'].permute(1, 2, 0).numpy()
        return Subject(str(image), pixels, truth=BaseDataElement(distance=sample['distance']))
