"""Draws pictures of a segmentation network's predictions."""
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dataset import pseudo_collate
from mmengine.model import BaseModel
from torch import nn


def segmentation_gallery(model: nn.Module, dataset: Any, indices: Sequence[int],
                         path: str | Path, title: str, name: str = 'ticket') -> None:
    """Draw image, labels and prediction of some images below each other.

    Args:
        model (nn.Module): An mmseg model in eval mode.
        dataset: An mmseg data set with labels.
        indices (Sequence[int]): Which images.
        path (str | Path): PNG file to write.
        title (str): Title above the picture.
        name (str): Of the network, above its predictions.
    """
    import matplotlib
    matplotlib.use('Agg')
    import matplotlib.pyplot as plt
    palette = np.array(dataset.metainfo['palette'], dtype=np.uint8)
    figure, axes = plt.subplots(len(indices), 3, squeeze=False, layout='constrained',
                                figsize=(10, 1.9 * len(indices) + 0.5))
    for row, index in zip(axes, indices, strict=True):
        for axis, picture in zip(row, _pictures(model, dataset[index], palette), strict=True):
            axis.imshow(picture)
            axis.set_axis_off()
    for axis, heading in zip(axes[0], ('image', 'labels', name), strict=True):
        axis.set_title(heading)
    figure.suptitle(title)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _pictures(model: BaseModel, sample: Mapping[str, Any], palette: np.ndarray) -> list[np.ndarray]:
    image = sample['inputs'].permute(1, 2, 0).numpy()[..., ::-1]
    result = model.test_step(pseudo_collate([sample]))[0]
    labels = sample['data_samples'].gt_sem_seg.data[0].numpy()
    return [image, _coloured(labels, palette),
            _coloured(result.pred_sem_seg.data[0].cpu().numpy(), palette)]


def _coloured(labels: np.ndarray, palette: np.ndarray) -> np.ndarray:
    colours = np.vstack([palette, np.zeros((256 - len(palette), 3), np.uint8)])
    return colours[labels.astype(np.uint8)]
