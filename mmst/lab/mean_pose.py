"""Scores the mean pose: the floor to compare a network's key points with."""
from typing import Any

import numpy as np


def mean_pose_ap(train: Any, val: Any, ann_file: str) -> float:
    """Return COCO AP (0 to 1) of answering the training set's mean pose, stretched to each box.

    Args:
        train: An mmpose CocoDataset to take the mean pose of.
        val: The CocoDataset to answer for.
        ann_file (str): The annotations of ``val``.
    """
    from xtcocotools.coco import COCO
    from xtcocotools.cocoeval import COCOeval
    pose = _mean_pose(train)
    truth = COCO(ann_file)
    metric = COCOeval(truth, truth.loadRes(_answers(pose, val)), 'keypoints')
    metric.evaluate()
    metric.accumulate()
    metric.summarize()
    return float(metric.stats[0])


def _mean_pose(dataset: Any) -> np.ndarray:
    """Return each key point's mean place in its box, (points, 2), in shares of width and height."""
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    boxes = np.concatenate([info['bbox'] for info in infos])
    points = np.concatenate([info['keypoints'] for info in infos])
    seen = np.concatenate([info['keypoints_visible'] for info in infos]) > 0
    places = (points - boxes[:, None, :2]) / (boxes[:, None, 2:] - boxes[:, None, :2])
    return (places * seen[..., None]).sum(0) / np.maximum(seen.sum(0), 1)[:, None]


def _answers(pose: np.ndarray, dataset: Any) -> list[dict[str, Any]]:
    """Return the pose in each box, in the form of COCO's result files."""
    answers = []
    for info in (dataset.get_data_info(i) for i in range(len(dataset))):
        left, top, right, bottom = info['bbox'][0]
        points = np.ones((len(pose), 3))
        points[:, :2] = pose * (right - left, bottom - top) + (left, top)
        answers.append(dict(image_id=int(info['img_id']), category_id=1, score=1.,
                            keypoints=points.ravel().tolist()))
    return answers
