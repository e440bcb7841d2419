"""Checks that label maps have the size of their images, and keep to the head's classes."""
import copy
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import cv2
import numpy as np
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.registry import TRANSFORMS
from PIL import Image

from ...errors import DataError, config_error
from ...randomness import isolated_random_state
from .images import is_picture
from .outputs import heads

_ORIENTATION, _TURNED = 0x0112, (5, 6, 7, 8)


def check_label_maps(cfg: Config, key: str, dataset: BaseDataset, pipeline: Sequence[dict],
                     infos: Sequence[dict[str, Any]]) -> None:
    """Read label maps as training will; refuse those that do not fit their image or the head.

    Such a map stops training in the middle, with a message about an index. ``infos`` are of some
    images, so a stray label in one of thousands of files can pass.

    Raises:
        DataError: Naming the file.
    """
    if not infos or not infos[0].get('seg_map_path'):
        return
    with isolated_random_state(0):
        load = _annotation_loader(pipeline, infos[0])
    if load is None:
        return
    key = f'{key}.data_prefix.seg_map_path'
    for info in infos:
        path = info['seg_map_path']
        try:
            labels = load(copy.deepcopy(info))['gt_seg_map']
        except Exception as error:  # A missing or damaged picture can raise almost anything.
            if os.path.exists(path) and is_picture(path):
                raise  # The step is to blame.
            raise DataError(str(config_error(
                key, path, f'the label map of {info["img_path"]} cannot be read '
                f'({type(error).__name__})', 'every image needs a label map of its name; copy the '
                'data set again'))) from error
        problem = _problem(labels, path, info['img_path'])
        if problem:
            raise DataError(str(config_error(key, path, *problem)))
        for head, settings in heads(cfg, 'decode_head'):
            if 'num_classes' in settings:
                _check_values(labels, path, head, settings, dataset)


def _annotation_loader(pipeline: Sequence[dict],
                       info: dict[str, Any]) -> Callable[[dict], dict] | None:
    """Return the pipeline's own step that reads label maps: it needs nothing from earlier steps."""
    steps = [TRANSFORMS.build(step) for step in pipeline if isinstance(step, dict)]
    for step in steps:
        with suppress(Exception):
            if 'gt_seg_map' in step(copy.deepcopy(info)):
                return step
    return next((step for step in steps if 'Annotation' in type(step).__name__), None)


def _problem(labels: np.ndarray, path: str, image: str) -> tuple[str, str] | None:
    """Return the fault of a label map as a picture, and the remedy."""
    if labels.ndim != 2 or _reads_palette(labels, path):
        return ('this label map holds colours, and labels are one number a pixel',
                'convert the label maps to train ids, pictures of one channel, or let the pipeline '
                "read a palette's numbers (imdecode_backend='pillow')")
    size, found = _size(image), ' x '.join(map(str, labels.shape[::-1]))
    if size is not None and size != found:
        return (f'this label map is {found} pixels wide and high, and its image {image} {size}',
                'give each image the label map that was drawn for it, at its size')
    return None


def _reads_palette(labels: np.ndarray, path: str) -> bool:
    """Return whether the labels are the colours of a palette, in grey or of one channel."""
    with suppress(OSError, ValueError, SyntaxError), Image.open(path) as picture:
        if picture.mode == 'P' and not np.array_equal(np.array(picture), labels):
            colours, grey = cv2.imread(path), cv2.imread(path, cv2.IMREAD_GRAYSCALE)
            return any(np.array_equal(labels, read) for read in (grey, *cv2.split(colours)))
    return False


def _size(path: str) -> str | None:
    """Return width and height of an image as it is loaded; None where Pillow cannot tell."""
    unreadable = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)
    with suppress(*unreadable), Image.open(path) as picture:
        turned = picture.getexif().get(_ORIENTATION) in _TURNED
        return ' x '.join(map(str, picture.size[::-1] if turned else picture.size))
    return None


def _check_values(labels: np.ndarray, path: str, key: str, head: dict,
                  dataset: BaseDataset) -> None:
    count = head['num_classes']
    ignored = {head.get('ignore_index', 255), getattr(dataset, 'ignore_index', 255)}
    stray = sorted({int(label) for label in np.unique(labels)} - ignored - set(range(count)))
    if stray:
        zero = ' (after reduce_zero_label)' if getattr(dataset, 'reduce_zero_label', 0) else ''
        raise DataError(str(config_error(
            f'{key}.num_classes', count, f'{path} holds the label {stray[-1]}{zero}, and only 0 to '
            f'{count - 1} and {max(ignored)} (ignored) have a meaning', 'convert the label maps to '
            'train ids (where 0 means "other", as in ADE20K, set reduce_zero_label=True), or set '
            'num_classes and the data set\'s classes')))
