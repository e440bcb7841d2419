"""Generates street scenes in the folders and label format of Cityscapes.

One image is a street in perspective: sky, ground, two sides of houses, walls, fences and green,
then everything that stands or moves on the street, far things first.
"""
import numpy as np

from .drawing import PAINT, Canvas, between, expose, lay_textures, pick, value_noise, write_image
from .space import Camera, Stage
from .street_classes import (
    BUILDING,
    EGO,
    LABEL_IDS,
    OTHER_IDS,
    ROAD,
    SIDEWALK,
    SKY,
    TERRAIN,
    VEGETATION,
    WALL,
)
from .street_ground import FAR, draw_backdrop, draw_side, lay_ground
from .street_things import street_furniture, traffic, walkers

#: Labels of :func:`draw_things`: number of the thing times this, plus its class.
STEP = 256

CITIES = dict(train=('anhalten', 'bergstadt', 'cleeve'), val=('dornbach', 'elmwick'))

_SKIES = np.array([[(200, 160, 110), (225, 210, 190)], [(190, 190, 185), (215, 215, 212)],
                   [(140, 135, 130), (180, 178, 175)], [(150, 110, 90), (150, 185, 225)],
                   [(120, 90, 70), (110, 130, 180)], [(225, 190, 150), (235, 230, 225)]], float)


def draw_sky(canvas, rng, horizon):
    """Draw a sky with clouds over the whole canvas; returns its colour (3,) at the horizon."""
    high, low = _SKIES[rng.integers(len(_SKIES))] + rng.normal(0, 8, (2, 3))
    rows, columns = canvas.label.shape
    share = np.clip(np.linspace(0, 1, rows) * rows / (horizon * canvas.scale), 0, 1)[:, None, None]
    clouds = value_noise(rng, rows, columns, columns / 6).clip(-1, 1.5)[..., None]
    sky = high + (low - high) * share + clouds * between(rng, 2, 16)
    canvas.image[:] = np.clip(np.broadcast_to(sky, canvas.image.shape), 0, 255)
    canvas.label[:] = SKY
    return low


#: Contrast of fine, middle and coarse texture of classes that differ.
_TEXTURE = {VEGETATION: (0.13, 0.13, 0.08), TERRAIN: (0.10, 0.06, 0.06),
            SKY: (0.0, 0.0, 0.02), ROAD: (0.035, 0.03, 0.05), SIDEWALK: (0.035, 0.035, 0.05),
            BUILDING: (0.04, 0.04, 0.06), WALL: (0.05, 0.06, 0.06)}


class _NumberedCanvas(Canvas):
    """Adds the number of the thing that is drawn to its labels; 0 is the street itself."""
    number = 0

    def polygons(self, many, color=None, label=None):
        super().polygons(many, color, self._number_label(label))

    def strokes(self, many, width, color=None, label=None, closed=False):
        super().strokes(many, width, color, self._number_label(label), closed)

    def disc(self, centre, radii, color=None, label=None, angle=0.0):
        super().disc(centre, radii, color, self._number_label(label), angle)

    def _number_label(self, label):
        return None if label is None else self.number * STEP + label


def draw_scene(seed, index, height=128, width=256):
    """Draw one street scene with the class of each pixel.

    Args: as :func:`draw_things`.

    Returns:
        tuple: Image (height, width, 3) uint8, BGR, and labels (height, width) uint8: train ids,
        ``EGO`` and ``STATIC``.
    """
    image, label = draw_things(seed, index, height, width)
    return image, (label % STEP).astype(np.uint8)


def draw_things(seed, index, height=128, width=256):
    """Draw one street scene in which each thing that stands or moves has a number.

    Args:
        seed (Sequence[int]): Seed of this image.
        index (int): Its place in the split; kinds of vehicles take turns over it.
        height (int): Height in pixels. Defaults to 128.
        width (int): Width in pixels. Defaults to 256.

    Returns:
        tuple: Image (height, width, 3) uint8, BGR, and labels (height, width) int32: ``STEP`` times
        the thing's number, plus its train id, ``EGO`` or ``STATIC``. A bicycle and its rider are
        one thing.
    """
    rng = np.random.default_rng(seed)
    canvas = _NumberedCanvas(height, width, dtype=np.int32)
    camera = Camera(
        focal=max(0.8 * width, 1.2 * height),
        centre=width * between(rng, 0.42, 0.58),
        horizon=height * between(rng, 0.38, 0.52),
        height=between(rng, 1.5, 2.3),
        yaw=between(rng, -0.08, 0.08),
        across=between(rng, -1.8, 1.8))
    haze = draw_sky(canvas, rng, camera.horizon)
    stage = Stage(canvas, camera, haze, between(rng, 60, 250), between(rng, 0.3, 0.7))
    half, walk = between(rng, 3.2, 5.0), between(rng, 2.4, 4.5)
    yards = [between(rng, 2, 6) if rng.random() < 0.45 else 0.0 for _ in range(2)]
    rail = rng.choice([-1, 1]) * 0.5 * half
    lay_ground(stage, rng, half, walk, yards, [rail] if index % 3 == 2 else [])
    draw_backdrop(stage, rng, half)
    for side, yard in zip((-1, 1), yards, strict=True):
        draw_side(stage, rng, side, side * (half + walk + yard))
    items = street_furniture(stage, rng, half, walk)
    if index % 3 == 2:  # the tram's wire
        stage.line([(rail, 5.0, 4), (rail, 5.0, FAR)], 0.05, (40, 40, 40))
    items += traffic(stage, rng, index, half, rail) + walkers(stage, rng, index, half, walk)
    for canvas.number, (_, draw) in enumerate(sorted(items, key=lambda item: -item[0]), 1):
        draw()
    canvas.number = 0
    if rng.random() < 0.3:
        _hood(canvas, rng)
    image, label = canvas.finish()
    return expose(rng, lay_textures(
        rng, image, label % STEP, _TEXTURE, (0.02, 0.03, 0.04), between(rng, 0.6, 1.3))), label


def _hood(canvas, rng):
    """Draw the front of the camera's own car at the lower edge."""
    top, width = canvas.height * between(rng, 0.9, 0.96), canvas.width
    columns = np.linspace(0, width, 12)
    arch = top + canvas.height * 0.09 * ((columns / width - 0.5) * 2)**2
    corners = np.column_stack([columns, arch])
    corners = np.vstack([corners, [(width, canvas.height + 2), (0, canvas.height + 2)]])
    canvas.polygon(corners, pick(rng, PAINT), EGO)


def write_cityscapes(root, size, train, val, seed):
    """Write street scenes under ``root`` as Cityscapes lays them out.

    Args:
        root (Path): Folder that gets ``leftImg8bit`` and ``gtFine``.
        size (tuple[int, int]): Height and width in pixels.
        train (int): Number of training images.
        val (int): Number of validation images.
        seed (int): Seed of all images.
    """
    write_scenes(root, train, val,
                 lambda number, index: draw_scene((seed, number, index), index, *size))


def write_scenes(root, train, val, draw):
    """Write images and labels under ``root`` as Cityscapes lays them out.

    Args:
        root (Path): Folder that gets ``leftImg8bit`` and ``gtFine``.
        train (int): Number of training images.
        val (int): Number of validation images.
        draw (Callable): ``draw(number, index)`` gives image and train ids, as :func:`draw_scene`,
            of image ``index`` of the training (``number`` 0) or validation (1) split.
    """
    to_id = np.zeros(256, np.uint8)
    to_train = np.full(256, 255, np.uint8)
    to_id[:19], to_train[:19] = LABEL_IDS, range(19)
    for index, label_id in OTHER_IDS.items():
        to_id[index] = label_id
    for number, (split, count) in enumerate((('train', train), ('val', val))):
        for index in range(count):
            image, label = draw(number, index)
            city = CITIES[split][index % len(CITIES[split])]
            stem = f'{split}/{city}/{city}_{index:06d}_000019'
            write_image(root / 'leftImg8bit' / f'{stem}_leftImg8bit.png', image)
            write_image(root / 'gtFine' / f'{stem}_gtFine_labelIds.png', to_id[label])
            write_image(root / 'gtFine' / f'{stem}_gtFine_labelTrainIds.png', to_train[label])
