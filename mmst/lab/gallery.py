"""Draws pictures of segmentation networks' predictions."""
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dataset import pseudo_collate

#: Labels of pixels that do not count.
IGNORED = 255


@dataclass(frozen=True)
class Column:
    """Describes a column of the picture.

    Args:
        title (str): Above it.
        predict (Callable): ``predict(sample, index)`` gives the labels (H, W) of an image.
    """
    title: str
    predict: Callable[[Mapping[str, Any], int], np.ndarray]


def prediction(model: Any) -> Callable[[Mapping[str, Any], int], np.ndarray]:
    """Return a function that gives the labels that an mmseg model in eval mode predicts."""
    def predict(sample: Mapping[str, Any], index: int) -> np.ndarray:
        result = model.test_step(pseudo_collate([sample]))[0]
        return result.pred_sem_seg.data[0].cpu().numpy()

    return predict


def segmentation_gallery(columns: Sequence[Column], dataset: Any, indices: Sequence[int],
                         path: str | Path, title: str = '') -> None:
    """Draw images, their labels and predictions, a row an image, above a legend of the classes.

    Args:
        columns (Sequence[Column]): Predictions, from left to right.
        dataset: An mmseg data set with labels.
        indices (Sequence[int]): Which images.
        path (str | Path): PNG file to write.
        title (str): Title above the picture. Defaults to none.
    """
    import matplotlib
    matplotlib.use('Agg')
    import matplotlib.pyplot as plt
    from matplotlib.patches import Patch
    palette = np.array(dataset.metainfo['palette'], dtype=np.uint8)
    titles = ['image', 'labels', *(column.title for column in columns)]
    height, width = dataset[indices[0]]['inputs'].shape[-2:]
    column = max(2.6, 1.65 * width / height)  # inches; a title needs 2.6
    figure, axes = plt.subplots(len(indices), len(titles), squeeze=False, layout='constrained',
                                figsize=(column * len(titles), 1.75 * len(indices) + 0.9))
    seen: set[int] = set()
    for row, index in zip(axes, indices, strict=True):
        sample = dataset[index]
        maps = [sample['data_samples'].gt_sem_seg.data[0].numpy(),
                *(column.predict(sample, index) for column in columns)]
        seen.update(int(label) for found in maps for label in np.unique(found))
        image = sample['inputs'].permute(1, 2, 0).numpy()[..., ::-1]
        for axis, picture in zip(row, [image, *(paint(m, palette) for m in maps)], strict=True):
            axis.imshow(picture, interpolation='nearest')
            axis.set_axis_off()
    for axis, heading in zip(axes[0], titles, strict=True):
        axis.set_title(heading, fontsize=10)
    _add_legend(figure, _legend(seen, dataset.metainfo, palette, Patch))
    if title:
        figure.suptitle(title)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def paint(labels: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """Return labels (H, W) in the colours (C, 3) of their classes, (H, W, 3); others are black."""
    colours = np.vstack([palette, np.zeros((256 - len(palette), 3), np.uint8)])
    return colours[labels.astype(np.uint8)]


def _add_legend(figure, entries):
    """Put a legend below the pictures, with as many columns as the figure is wide for."""
    for columns in range(min(8, max(1, len(entries))), 0, -1):
        legend = figure.legend(handles=entries, loc='outside lower center', ncols=columns,
                               frameon=False, fontsize=9)
        if columns == 1 or legend.get_window_extent().width <= figure.bbox.width:
            return
        legend.remove()


def _legend(seen, metainfo, palette, patch):
    names = list(metainfo.get('classes') or ())
    entries = [patch(color=palette[label] / 255, label=names[label])
               for label in sorted(seen) if label < min(len(names), len(palette))]
    if any(label >= len(palette) for label in seen):
        entries.append(patch(color='black', label='not counted'))
    return entries
