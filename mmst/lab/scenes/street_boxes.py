"""Writes street scenes with a box around each road user, as mmdet reads boxes of Cityscapes.

The images are those of ``write_cityscapes`` with the same seed; the annotations have COCO's format.
"""
import json

import numpy as np

from .drawing import write_image
from .street_classes import CLASSES
from .street_scenes import CITIES, STEP, draw_things

#: Train ids of the classes that have boxes, and their category ids as in Cityscapes' label ids.
CATEGORY_IDS = {11: 24, 12: 25, 13: 26, 14: 27, 15: 28, 16: 31, 17: 32, 18: 33}
#: Smallest visible area in pixels that is annotated.
LEAST = 16


def boxes(label):
    """Return annotations without ids of all things that enough pixels show.

    Args:
        label (ndarray): (H, W), from :func:`~mmst.lab.scenes.street_scenes.draw_things`.

    Returns:
        list[dict]: COCO's ``category_id``, ``bbox`` (x, y, width, height of the visible part, in
        pixels), ``area`` and ``iscrowd``.
    """
    found = []
    for value in np.unique(label):
        train_id = int(value) % STEP
        mask = label == value
        if value < STEP or train_id not in CATEGORY_IDS or mask.sum() < LEAST:
            continue
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        box = [columns[0], rows[0], columns[-1] + 1 - columns[0], rows[-1] + 1 - rows[0]]
        found.append(dict(category_id=CATEGORY_IDS[train_id], bbox=[float(v) for v in box],
                          area=float(mask.sum()), iscrowd=0))
    return found


def write_cityscapes_boxes(root, size, train, val, seed):
    """Write street scenes and boxes under ``root`` as mmdet lays Cityscapes out.

    Args:
        root (Path): Folder that gets ``leftImg8bit`` and ``annotations``.
        size (tuple[int, int]): Height and width in pixels.
        train (int): Number of training images.
        val (int): Number of validation images.
        seed (int): Seed of all images.
    """
    height, width = size
    categories = [dict(id=label_id, name=CLASSES[train_id])
                  for train_id, label_id in CATEGORY_IDS.items()]
    for number, (split, count) in enumerate((('train', train), ('val', val))):
        images, annotations = [], []
        for index in range(count):
            image, label = draw_things((seed, number, index), index, height, width)
            city = CITIES[split][index % len(CITIES[split])]
            name = f'{city}/{city}_{index:06d}_000019_leftImg8bit.png'
            write_image(root / 'leftImg8bit' / split / name, image)
            images.append(dict(id=index + 1, file_name=name, height=height, width=width))
            for item in boxes(label):
                annotations.append(dict(item, id=len(annotations) + 1, image_id=index + 1))
        path = root / 'annotations' / f'instancesonly_filtered_gtFine_{split}.json'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(
            dict(images=images, annotations=annotations, categories=categories)))
