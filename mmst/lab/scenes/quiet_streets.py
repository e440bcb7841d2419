"""Generates quiet street scenes by day, of seven of Cityscapes' classes, in Cityscapes' folders.

A narrow network learns them in minutes: few things, and all of them large. Colours do not
give the classes away: houses, cars and clothes share one paint, roads and pavements another.
"""
import itertools

import numpy as np

from .drawing import FOLIAGE, Canvas, between, darker, expose, lay_textures, pick
from .riders import draw_person
from .space import Camera, Place, Stage, Things
from .street_classes import BUILDING, CAR, PERSON, ROAD, SIDEWALK, SKY, VEGETATION
from .street_scenes import draw_sky, write_scenes
from .street_sides import draw_building, draw_hedge, draw_tree, leaves
from .vehicles import draw_car

FAR = 60.0

_GREENS = FOLIAGE[[0, 1, 2, 3, 8, 9]]
_ASPHALT = np.array([(80, 80, 82), (98, 98, 100), (112, 110, 106)], float)
_FLAGS = np.array([(150, 160, 172), (165, 165, 168), (150, 150, 150)], float)
#: Contrast of fine, middle and coarse texture of each class.
_TEXTURE = {VEGETATION: (0.10, 0.12, 0.06), ROAD: (0.03, 0.02, 0.03), SIDEWALK: (0.03, 0.03, 0.03),
            SKY: (0.0, 0.0, 0.01)}


def _ground(stage, rng, half, walk):
    """Draw lawns, pavements and the road with its lane marks."""
    def strip(x0, x1, color, label):
        stage.face([(x0, 0, 1.0), (x1, 0, 1.0), (x1, 0, 2 * FAR), (x0, 0, 2 * FAR)], color, label)

    strip(-300, 300, pick(rng, _GREENS), VEGETATION)
    paving = pick(rng, _FLAGS, 8)
    strip(-half - walk, half + walk, paving, SIDEWALK)
    for side in (-1, 1):
        for z in np.arange(3.0, 24, 1.5):  # joints of the flag stones
            stage.line([(side * half, 0, z), (side * (half + walk), 0, z)], 0.05,
                       darker(paving, 0.8))
    strip(-half - 0.2, half + 0.2, darker(paving, 1.2), SIDEWALK)
    strip(-half, half, pick(rng, _ASPHALT, 8), ROAD)
    for z in np.arange(between(rng, 2, 4), 40, 5.0):
        stage.face([(-0.09, 0, z), (0.09, 0, z), (0.09, 0, z + 2), (-0.09, 0, z + 2)],
                   (205, 208, 210))


def _side(stage, rng, side, x):
    """Fill one side of the street from far to near with houses and green."""
    cuts = [between(rng, 2, 5)]
    while cuts[-1] < FAR:
        cuts.append(cuts[-1] + between(rng, 8, 16))
    for z0, z1 in reversed(list(itertools.pairwise(cuts))):
        if rng.random() < 0.6:
            draw_building(stage, rng, side, x, z0, z1, BUILDING)
            continue
        for z in sorted(rng.uniform(z0, z1, 3), reverse=True):
            draw_tree(stage, rng, x + side * between(rng, 1.5, 4), z, VEGETATION)
        draw_hedge(stage, rng, side, x, z0, z1, VEGETATION)


def _end(stage, rng):
    """Close the street with trees or with houses."""
    for x in np.arange(-40, 40, 10.0):
        if rng.random() < 0.5:
            leaves(stage, rng, (x + 5, 3, FAR), (6, between(rng, 4, 7), 5), VEGETATION, 8)
        else:
            top = between(rng, 6, 13)
            stage.face([(x, 0, FAR), (x + 10, 0, FAR), (x + 10, top, FAR), (x, top, FAR)],
                       pick(rng), BUILDING)


def _things(stage, rng, half, walk):
    """Return the objects on the street: (distance, draw) pairs."""
    items = Things(stage, rng)
    add = items.add
    for side in (-1, 1):
        z = between(rng, 8, 14)
        for _ in range(int(rng.integers(0, 3))):  # driving and parked cars on each half
            x = side * (half - 1.1 if rng.random() < 0.6 else 0.45 * half)
            add(z, draw_car, Place(x, z, rng.choice([0, np.pi]) + rng.normal(0, 0.05)), CAR)
            z += between(rng, 7, 14)
        if rng.random() < 0.5:
            z = between(rng, 12, 25)
            add(z, draw_tree, side * (half + 0.7 * walk), z, VEGETATION)
    for z in rng.uniform(4.0, 7.5, int(rng.integers(2, 5))):  # near, on the pavements or crossing
        x = between(rng, -0.55, 0.55) * z
        kind = rng.choice(['stand', 'walk', 'walk', 'run'])
        add(z, draw_person, Place(x, z, between(rng, 0, 2 * np.pi)), PERSON, kind)
    return items


def draw_quiet_scene(seed, height=128, width=256):
    """Draw one quiet street scene.

    Args:
        seed (Sequence[int]): Seed of this image.
        height (int): Height in pixels. Defaults to 128.
        width (int): Width in pixels. Defaults to 256.

    Returns:
        tuple: Image (height, width, 3) uint8, BGR, and train ids (height, width) uint8.
    """
    rng = np.random.default_rng(seed)
    canvas = Canvas(height, width)
    camera = Camera(
        focal=max(0.8 * width, 1.2 * height),
        centre=width * between(rng, 0.42, 0.58),
        horizon=height * between(rng, 0.40, 0.50),
        height=between(rng, 1.6, 2.2),
        yaw=between(rng, -0.06, 0.06),
        across=between(rng, -1.2, 1.2))
    haze = draw_sky(canvas, rng, camera.horizon)
    stage = Stage(canvas, camera, haze, between(rng, 120, 250), between(rng, 0.3, 0.6))
    half, walk = between(rng, 3.2, 4.4), between(rng, 2.4, 3.6)
    _ground(stage, rng, half, walk)
    _end(stage, rng)
    for side in (-1, 1):
        _side(stage, rng, side, side * (half + walk))
    for _, draw in sorted(_things(stage, rng, half, walk), key=lambda item: -item[0]):
        draw()
    image, label = canvas.finish()
    return expose(rng, lay_textures(rng, image, label, _TEXTURE, 0.02), dusk=0.0), label


def write_quiet_streets(root, size, train, val, seed):
    """Write quiet street scenes under ``root`` as Cityscapes lays them out.

    Args:
        root (Path): Folder that gets ``leftImg8bit`` and ``gtFine``.
        size (tuple[int, int]): Height and width in pixels.
        train (int): Number of training images.
        val (int): Number of validation images.
        seed (int): Seed of all images.
    """
    write_scenes(root, train, val,
                 lambda number, index: draw_quiet_scene((seed, number, index), *size))
