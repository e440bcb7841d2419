"""Do the label maps of a segmentation data set keep to the head's classes?"""
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.registry import TRANSFORMS

from ....settings.kinds import kind_name
from .classes import heads
from .sources import Source, data_error


def check_labels(cfg: Config, source: Source, most: int = 200) -> None:
    """Read label maps as training will, and refuse labels that the head has no class for.

    Such a label stops training in the middle, with a message about an index. At most ``most`` files
    of each data set are read, evenly spaced over it, so a stray label in one of thousands of files
    can pass.

    Args:
        cfg (Config): The whole config.
        source (Source): Data sets other than mmseg's, and those without labels, are passed over.
        most (int): Files to read. Defaults to 200.

    Raises:
        DataError: Naming file, label and ``model.decode_head.num_classes``.
    """
    load = _annotation_loader(source)
    head = next(heads(cfg, 'decode_head'), None)
    if load is None or head is None or 'num_classes' not in head[1]:
        return
    source.dataset.full_init()
    count = len(source.dataset)
    if not count:
        raise data_error(source.key, type(source.dataset).__name__, 'it holds no image',
                         'check its ann_file, indices and file name endings')
    ignored = {head[1].get('ignore_index', 255), source.dataset.ignore_index}
    for index in np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int)):
        info = source.dataset.get_data_info(int(index))
        _check_values(_load(load, info, source), ignored, head, info['seg_map_path'], source)


def _annotation_loader(source: Source) -> Any | None:
    """Return the pipeline's own step that reads label maps."""
    if source.task != 'mmseg' or not source.dataset.data_prefix.get('seg_map_path'):
        return None
    for step in source.cfg.get('pipeline', ()):
        if isinstance(step, dict) and kind_name(step).endswith('LoadAnnotations'):
            return TRANSFORMS.build(step)
    return None


def _load(load: Any, info: dict, source: Source) -> np.ndarray:
    try:
        return load(info)['gt_seg_map']
    except Exception as error:  # A missing or damaged picture can raise almost anything.
        raise data_error(
            f'{source.key}.data_prefix.seg_map_path', info['seg_map_path'],
            f'the label map of {info["img_path"]} cannot be read ({type(error).__name__})',
            'every image needs a label map of its name; copy the data set again') from error


def _check_values(labels: np.ndarray, ignored: set[int], head, path: str, source: Source) -> None:
    key, settings = head
    counts = np.bincount(labels.ravel().astype(np.int64))
    counts[[i for i in ignored if i < len(counts)]] = 0
    if counts[settings['num_classes']:].any():
        zero = ' (after reduce_zero_label)' if source.dataset.reduce_zero_label else ''
        raise data_error(
            f'{key}.num_classes', settings['num_classes'],
            f'{path} holds the label {int(counts.nonzero()[0][-1])}{zero}, and only 0 to '
            f'{settings["num_classes"] - 1} and {sorted(ignored)[-1]} (ignored) have a meaning',
            'convert the label maps to train ids (where 0 means "other", as in ADE20K, set '
            'reduce_zero_label=True), or set num_classes and the data set\'s classes')
