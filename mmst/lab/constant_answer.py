"""Computes all metrics of a constant answer on a config's data, under the toolboxes' names."""
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.registry import DATASETS

from ..errors import config_error
from .mean_pose import mean_pose_ap


def constant_answer(cfg: Config) -> dict[str, float]:
    """Score a constant answer: the most frequent class or, for key points, the mean pose.

    Args:
        cfg (Config): Whole; its ``val_dataloader`` and, for key points, ``train_dataloader`` and
            ``val_evaluator`` are used. The default scope must be the config's.

    Raises:
        ConfigError: The validation data are of no kind that this can answer for.
    """
    dataset = DATASETS.build(cfg.val_dataloader.dataset)
    if cfg.get('default_scope') == 'mmpose':
        train = DATASETS.build(cfg.train_dataloader.dataset)
        evaluator = cfg.val_evaluator
        ann_file = (evaluator[0] if isinstance(evaluator, list) else evaluator)['ann_file']
        return {'coco/AP': mean_pose_ap(train, dataset, ann_file)}
    if hasattr(dataset, 'get_gt_labels'):
        return of_images(np.bincount(np.ravel(dataset.get_gt_labels())))
    if cfg.get('default_scope') == 'mmseg':
        return of_pixels(_pixels(dataset, len(dataset.metainfo['classes'])))
    raise config_error('val_dataloader.dataset.type', cfg.val_dataloader.dataset.type,
                       'there is no constant answer to this kind of data',
                       'use data of mmseg, mmpretrain or COCO key points')


def of_pixels(counts: np.ndarray) -> dict[str, float]:
    """Return mIoU, mAcc, aAcc in percent from the pixels of each class; absent classes do not
    count.
    """
    share, present = counts.max() / counts.sum(), int((counts > 0).sum())
    return dict(mIoU=100 * share / present, mAcc=100 / present, aAcc=100 * share)


def of_images(counts: np.ndarray) -> dict[str, float]:
    """Return top-1 and top-5 accuracy in percent from the images of each class."""
    shares = 100 * np.sort(counts)[::-1] / counts.sum()
    return {'accuracy/top1': float(shares[0]), 'accuracy/top5': float(shares[:5].sum())}


def _pixels(dataset: Any, classes: int) -> np.ndarray:
    counts = np.zeros(classes, dtype=np.int64)
    for i in range(len(dataset)):
        labels = dataset[i]['data_samples'].gt_sem_seg.data.numpy().ravel()
        counts += np.bincount(labels[labels < classes], minlength=classes)
    return counts
