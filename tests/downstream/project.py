"""A project of somebody else: it brings its own data."""
from pathlib import Path

import cv2
import numpy as np

TINTS = dict(blue=(90, 0, 0), green=(0, 90, 0), grey=(0, 0, 0), red=(0, 0, 90))
SIZE = 32


def write_colours(folder: Path, train: int = 64, val: int = 80) -> None:
    """Noise with a tint, a folder for each: ``train/red/0.png``."""
    rng = np.random.default_rng(0)
    for split, count in dict(train=train, val=val).items():
        for i in range(count):
            name, tint = list(TINTS.items())[i % len(TINTS)]
            path = Path(folder, split, name, f'{i}.png')
            path.parent.mkdir(parents=True, exist_ok=True)
            image = rng.integers(0, 166, (SIZE, SIZE, 3)) + np.array(tint)
            cv2.imwrite(str(path), image.astype(np.uint8))


def write_data(folder: Path) -> None:
    """All data that the configs name, where the toolboxes expect it."""
    from mmst.lab.scenes import generate
    data = Path(folder, 'data')
    write_colours(data / 'colours')
    generate('cityscapes', data / 'cityscapes', (64, 128), 16, 8)
    generate('ade20k', data / 'ade', (32, 32), 4, 2)
    generate('imagenet', data / 'imagenet', (SIZE, SIZE), 4, 2)
    generate('coco', data / 'coco', (120, 160), 4, 2)
