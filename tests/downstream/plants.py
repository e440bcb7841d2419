"""Draw plants and their labels: the data that the configs of docs/examples/own_data name.

    python tests/downstream/plants.py data/plants
"""
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

WIDTH, HEIGHT = 160, 120
#: Red, green, blue of background, leaf and stem.
COLOURS = np.array([(120, 100, 80), (40, 160, 40), (160, 120, 60)])
LEAF, STEM = 1, 2


def write_plants(folder: Path, train: int = 40, val: int = 8) -> None:
    """Write ``images/train/0.jpg``, ``labels/train/0.png`` and so on."""
    rng = np.random.default_rng(0)
    for split, count in dict(train=train, val=val).items():
        for kind in ('images', 'labels'):
            Path(folder, kind, split).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            label = draw_plants(rng)
            pixels = COLOURS[label] + rng.normal(0, 12, (HEIGHT, WIDTH, 3))
            image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
            image.save(Path(folder, f'images/{split}/{i}.jpg'))
            Image.fromarray(label).save(Path(folder, f'labels/{split}/{i}.png'))


def draw_plants(rng: np.random.Generator) -> np.ndarray:
    """Draw one to three plants; returns their (HEIGHT, WIDTH) label map."""
    label = Image.new('L', (WIDTH, HEIGHT))
    pen = ImageDraw.Draw(label)
    for _ in range(rng.integers(1, 4)):
        x, top = map(int, rng.integers((20, 15), (140, 60)))
        pen.line([(x, HEIGHT), (x, top)], fill=STEM, width=6)
        for y in range(top, 110, 25):
            for left in (x - 28, x):
                pen.ellipse([left, y - 8, left + 28, y + 8], fill=LEAF)
    return np.array(label)


if __name__ == '__main__':
    write_plants(Path(sys.argv[1]))
