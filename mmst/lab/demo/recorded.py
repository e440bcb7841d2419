"""Keeps a network's predictions for images of a demo's picture in a JSON file."""
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.structures import InstanceData


def save_samples(samples: Mapping[int, Any], path: Path) -> None:
    """Write predictions, data samples of mmpretrain or mmpose by the number of their image."""
    path.parent.mkdir(parents=True, exist_ok=True)
    found = {str(index): _as_lists(sample) for index, sample in samples.items()}
    path.write_text(json.dumps(found, indent=1) + '\n')


def load_samples(path: Path, subjects: Mapping[int, Any]) -> dict[int, Any] | None:
    """Return the predictions that a file has for all subjects; none where it lacks one.

    Args:
        path (Path): Of :func:`save_samples`.
        subjects (Mapping): The images, with their annotations, by number.
    """
    found = json.loads(path.read_text()) if path.is_file() else {}
    if any(str(index) not in found for index in subjects):
        return None
    return {index: _sample(found[str(index)], subject) for index, subject in subjects.items()}


def _as_lists(sample: Any) -> dict[str, list]:
    if 'pred_score' in sample:
        return dict(scores=_round(sample.pred_score))
    people = sample.pred_instances
    return {key: _round(people[key]) for key in ('keypoints', 'keypoint_scores', 'bboxes')}


def _round(values: Sequence | np.ndarray | torch.Tensor) -> list:
    return np.asarray(values).astype(float).round(4).tolist()


def _sample(found: Mapping[str, Any], subject: Any) -> Any:
    if 'scores' in found:
        from mmpretrain.structures import DataSample
        return DataSample().set_pred_score(torch.tensor(found['scores'])).set_gt_label(
            subject.truth.gt_label)
    from mmpose.structures import PoseDataSample
    people = {key: np.array(found[key], np.float32) for key in found}
    return PoseDataSample(pred_instances=InstanceData(**people))
