"""Draws key points of people."""
from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import mmcv
import numpy as np
from mmengine.config import Config
from mmengine.structures import InstanceData
from torch import nn

from ...registry import VIEWS
from ...tickets import Ticket
from .view import Subject, View

#: Pixels that an image is enlarged to, roughly.
WIDTH = 640


@VIEWS.register_module('mmpose')
class KeyPointView(View):
    """Uses mmpose's ``inference_topdown`` and ``PoseLocalVisualizer`` (supplement, Figs. 2 and 3).

    The network looks into the subject's boxes; without any, the whole image is one box.
    """

    def prepare(self, ticket: Ticket) -> nn.Module:
        network: Any = super().prepare(ticket)
        network.cfg = Config(dict(
            default_scope='mmpose', test_dataloader=dict(dataset=dict(pipeline=self.pipeline))))
        network.dataset_meta = self.meta
        return network

    def predict(self, network: nn.Module, subject: Subject) -> Any:
        from mmpose.apis import inference_topdown
        from mmpose.structures import PoseDataSample, merge_data_samples
        if subject.boxes is not None and not len(subject.boxes):  # mmpose would take the image
            return PoseDataSample()
        return merge_data_samples(inference_topdown(network, subject.image, subject.boxes))

    def draw(self, image: np.ndarray, sample: Any, truth: bool = False) -> np.ndarray:
        """Draw; small images are enlarged, so that lines are thin compared with the people."""
        from mmpose.visualization import PoseLocalVisualizer
        factor = max(1, round(WIDTH / image.shape[1]))
        image = cv2.resize(image, None, fx=factor, fy=factor)
        size = min(image.shape[:2])
        visualizer = PoseLocalVisualizer(radius=max(3, size // 100), alpha=1.,
                                         line_width=max(1, size // 160))
        visualizer.set_dataset_meta(self.meta)
        # Annotations have no scores but say which points are labelled: 0 or 1.
        visualizer.add_datasample('', image, _enlarge(sample, factor), draw_gt=truth,
                                  draw_pred=not truth, kpt_thr=0.5 if truth else self.threshold)
        return visualizer.get_image()

    def legend(self, samples: Sequence[Any]) -> list[tuple[str, Sequence[int]]]:
        """Return a colour a side of the body, of data sets that give each side one."""
        sides = {'left': 'left arm and leg', 'right': 'right arm and leg', 'nose': 'face and trunk'}
        names = {number: self.meta['keypoint_id2name'][number] for number in
                 range(self.meta['num_keypoints'])}
        return [(sides[side], [int(part) for part in self.meta['keypoint_colors'][number]])
                for number, name in names.items() for side in sides
                if name in (f'{side}_wrist', side)]

    def remark(self, samples: Sequence[Any]) -> str:
        people = [sample.pred_instances for sample in samples if 'pred_instances' in sample]
        scores = [float(found.keypoint_scores.max()) for found in people if len(found)]
        if not scores or max(scores) >= self.threshold:
            return ''
        return (f'No key point was drawn: the highest score is {max(scores):.3f}, and --threshold '
                f'is {self.threshold}.')

    def images(self, dataset: Any) -> list[str]:
        return list(dict.fromkeys(found['img_path'] for found in _people(dataset)))

    def label(self, dataset: Any, path: str) -> Subject:
        from mmpose.structures import PoseDataSample
        people = [found for found in _people(dataset) if found['img_path'] == path]
        boxes = np.concatenate([found['bbox'] for found in people]).astype(np.float32)
        truth = PoseDataSample(gt_instances=InstanceData(bboxes=boxes, **_join(people)))
        return Subject(path, mmcv.imread(path), boxes, truth)


def _people(dataset: Any) -> Iterator[dict[str, Any]]:
    """Yield mmpose's samples, of which each is a person."""
    return (dataset.get_data_info(i) for i in range(len(dataset)))


def _join(people: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    return {key: np.concatenate([found[key] for found in people])
            for key in ('keypoints', 'keypoints_visible')}


def _enlarge(sample: Any, factor: int) -> Any:
    sample = sample.clone()
    for name in ('pred_instances', 'gt_instances'):
        people = sample.get(name)
        if people is not None and 'keypoints' in people:
            people.keypoints = people.keypoints * factor
    return sample
