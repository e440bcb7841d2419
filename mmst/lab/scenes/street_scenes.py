"""Generates street scenes in the folders and label format of Cityscapes.

One image is a street in perspective: sky, ground, two sides of houses, walls, fences and green,
then everything that stands or moves on the street, far things first.
"""
import itertools

import numpy as np

from .drawing import (
    FOLIAGE,
    PAINT,
    Canvas,
    between,
    darker,
    exposed,
    pick,
    surfaced,
    value_noise,
    write_image,
)
from .space import Camera, Place, Stage, Things
from .street_sides import (
    draw_bin,
    draw_building,
    draw_fence,
    draw_guide_sign,
    draw_hedge,
    draw_light,
    draw_pole,
    draw_sign,
    draw_tree,
    draw_wall,
    leaves,
)
from .vehicles import (
    draw_bicycle,
    draw_bus,
    draw_car,
    draw_motorcycle,
    draw_person,
    draw_tram,
    draw_truck,
)

#: Class names in the order of their train ids.
CLASSES = ('road', 'sidewalk', 'building', 'wall', 'fence', 'pole', 'traffic light',
           'traffic sign', 'vegetation', 'terrain', 'sky', 'person', 'rider', 'car', 'truck',
           'bus', 'train', 'motorcycle', 'bicycle')
#: Label id of each train id, as Cityscapes numbers them.
LABEL_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
(ROAD, SIDEWALK, BUILDING, WALL, FENCE, POLE, LIGHT, SIGN, VEGETATION, TERRAIN, SKY, PERSON,
 RIDER, CAR, TRUCK, BUS, TRAIN, MOTORCYCLE, BICYCLE) = range(19)
#: Drawn, but not trained: the camera's own car and things without a class.
EGO, STATIC = 30, 31
#: Label ids of ``EGO`` and ``STATIC`` in Cityscapes.
OTHER_IDS = {EGO: 1, STATIC: 4}

#: Labels of :func:`draw_things`: number of the thing times this, plus its class.
STEP = 256

CITIES = dict(train=('anhalten', 'bergstadt', 'cleeve'), val=('dornbach', 'elmwick'))
FAR = 90.0

_SKIES = np.array([[(200, 160, 110), (225, 210, 190)], [(190, 190, 185), (215, 215, 212)],
                   [(140, 135, 130), (180, 178, 175)], [(150, 110, 90), (150, 185, 225)],
                   [(120, 90, 70), (110, 130, 180)], [(225, 190, 150), (235, 230, 225)]], float)
_PAVING = np.array([(95, 95, 95), (120, 120, 122), (75, 76, 80), (140, 142, 145),
                    (110, 125, 145), (120, 110, 100), (150, 160, 170)], float)


def _lanes(stage, rng, half, near):
    """Draw lane marks, and at times a crossing for walkers."""
    paint = darker(pick(rng, np.array([(200.0, 205, 208), (120, 190, 215)])), between(rng, .7, 1))
    dash, gap = between(rng, 1.5, 3), between(rng, 2.5, 4)
    for z in np.arange(near, 45, dash + gap):
        stage.face([(-0.08, 0, z), (0.08, 0, z), (0.08, 0, z + dash), (-0.08, 0, z + dash)], paint)
    if rng.random() < 0.5:
        for x in (-half + 0.25, half - 0.25):
            stage.face([(x - .08, 0, 2), (x + .08, 0, 2), (x + .08, 0, 60), (x - .08, 0, 60)],
                       paint)
    if rng.random() < 0.35:
        z = between(rng, 7, 16)
        for x in np.arange(-half + 0.4, half - 0.4, 1.0):
            stage.face([(x, 0, z), (x + .5, 0, z), (x + .5, 0, z + 2.5), (x, 0, z + 2.5)], paint)


def _ground(stage, rng, half, walk, yards, rails):
    """Draw green ground, kerbed sidewalks and the road, with a cross street at times."""
    def strip(x0, x1, color, label, z0=1.0, z1=FAR * 2, y=0.0):
        stage.face([(x0, y, z0), (x1, y, z0), (x1, y, z1), (x0, y, z1)], color, label)

    road, paving = pick(rng, _PAVING, 10), pick(rng, _PAVING, 10)
    while np.abs(road - paving).sum() < 30:
        paving = pick(rng, _PAVING, 14)
    strip(-300, 300, pick(rng, FOLIAGE), TERRAIN)
    for side, yard in zip((-1, 1), yards, strict=True):
        grass = yard == 0 and rng.random() < 0.35
        if yard:
            far = side * (half + walk + yard)
            strip(*sorted((side * (half + walk), far)), pick(rng, FOLIAGE), TERRAIN)
        edge, outer = side * half, side * (half + walk)
        strip(*sorted((edge, outer)), paving, SIDEWALK)
        if grass:  # a verge between the kerb and the path
            strip(*sorted((edge, edge + side * 0.5 * walk)), pick(rng, FOLIAGE), TERRAIN)
        strip(*sorted((edge, edge + side * 0.25)), darker(paving, 1.2), SIDEWALK)
        for z in np.arange(3.0, 30, 2.0):  # flag stones
            start = edge + side * (0.5 * walk if grass else 0.25)
            stage.line([(start, 0, z), (outer, 0, z)], 0.05, darker(paving, 0.8))
    strip(-half, half, road, ROAD)
    if rng.random() < 0.35:
        z = between(rng, 14, 24)
        strip(-80, 80, road, ROAD, z, z + 7)
    _lanes(stage, rng, half, between(rng, 2, 5))
    for x in rails:
        for rail in (x - 0.7, x + 0.7):
            strip(rail - 0.06, rail + 0.06, darker(road, 0.55), None)


def _side(stage, rng, side, x):
    """Fill one side of the street from far to near with its fronts."""
    cuts = [between(rng, 2, 6)]
    while cuts[-1] < 60:
        cuts.append(cuts[-1] + between(rng, 5, 13))
    kinds = rng.choice(['building', 'wall', 'fence', 'hedge', 'open'], len(cuts) - 1,
                       p=[0.28, 0.23, 0.27, 0.08, 0.14])
    for kind, (z0, z1) in reversed(list(zip(kinds, itertools.pairwise(cuts), strict=True))):
        if kind == 'building':
            draw_building(stage, rng, side, x, z0, z1, BUILDING)
            continue
        behind = rng.random()
        if behind < 0.45:
            draw_building(stage, rng, side, x + side * between(rng, 5, 9), z0, z1, BUILDING)
        elif behind < 0.85:
            for z in rng.uniform(z0, z1, 2):
                draw_tree(stage, rng, x + side * between(rng, 3, 7), z, VEGETATION)
        if kind == 'wall':
            draw_wall(stage, rng, side, x, z0, z1, WALL)
        elif kind == 'fence':
            draw_fence(stage, rng, side, x, z0, z1, FENCE)
        elif kind == 'hedge':
            draw_hedge(stage, rng, side, x, z0, z1, VEGETATION)


def _backdrop(stage, rng, half):
    """Draw the far end of the street: houses, trees or nothing."""
    kind = rng.random()
    if kind < 0.4:
        for x in np.arange(-45, 45, 9.0):
            top, color = between(rng, 6, 16), pick(rng)
            face = np.array([(x, 0, FAR), (x + 9, 0, FAR), (x + 9, top, FAR), (x, top, FAR)])
            stage.face(face, color, BUILDING)
            windows = [np.array([(u, y, FAR), (u + 1.2, y, FAR), (u + 1.2, y + 1.5, FAR),
                                 (u, y + 1.5, FAR)])
                       for u in np.arange(x + 1, x + 8, 2.6) for y in np.arange(1.5, top - 2, 3)]
            stage.faces(windows, darker(color, 0.6), BUILDING)
    elif kind < 0.8:
        for x in np.arange(-60, 60, 5.0):
            leaves(stage, rng, (x, 3, FAR), (5, between(rng, 4, 8), 5), VEGETATION, 7)


def _spots(rng, low, high, count, apart=4.0):
    """Return distances in metres, at least ``apart``, as many as fit of ``count``."""
    spots = []
    for z in rng.uniform(low, high, 4 * count):
        if len(spots) < count and all(abs(z - other) > apart for other in spots):
            spots.append(float(z))
    return spots


def _traffic(stage, rng, index, half, rail):
    """Return vehicles of this image: (distance, draw) pairs."""
    items, lanes = [], (-0.5 * half, 0.5 * half)
    big = (BUS, TRUCK, TRAIN)[index % 3]
    draw = {BUS: draw_bus, TRUCK: draw_truck, TRAIN: draw_tram}
    crossing = rng.random() < (0.5 if big == TRAIN else 0.3)
    z = between(rng, 17, 26) if crossing else between(rng, 10, 20) + 4 * (big == TRAIN)
    heading = rng.choice([-1, 1]) * np.pi / 2 if crossing else rng.choice([0, np.pi])
    lane = int(rng.integers(2))
    x = rail if big == TRAIN else lanes[lane]
    if crossing:
        x = between(rng, -5, 5)
    else:  # its middle lies half its length further off
        z += {BUS: 3.0, TRUCK: 2.0, TRAIN: 9.0}[big]
    place = Place(x, z, heading + rng.normal(0, 0.04))
    items.append((z, lambda: draw[big](stage, rng, place, big)))
    if rng.random() < 0.3:
        other = (BUS, TRUCK)[int(rng.integers(2))]
        there = Place(lanes[1 - lane], between(rng, 22, 40), rng.choice([0, np.pi]))
        items.append((there.z, lambda: draw[other](stage, rng, there, other)))
    for side in (-1, 1):  # parked and driving cars
        for z in _spots(rng, 7, 40, int(rng.integers(0, 4)), 6.0):
            parked = rng.random() < 0.6
            x = side * (half - 1.0) if parked else side * 0.4 * half
            if not parked and abs(x - place.x) < 2.6 and abs(z - place.z) < 11:
                continue
            spot = Place(x, z, rng.choice([0, np.pi]) + rng.normal(0, 0.05))
            items.append((z, lambda spot=spot: draw_car(stage, rng, spot, CAR)))
    if rng.random() < 0.3:
        spot = Place(between(rng, -6, 6), between(rng, 9, 16), np.pi / 2 + rng.normal(0, 0.3))
        items.append((spot.z, lambda: draw_car(stage, rng, spot, CAR)))
    return items


def _walkers(stage, rng, index, half, walk):
    """Return people, cyclists and parked two-wheelers: (distance, draw) pairs."""
    items, turn = [], 2 * np.pi
    for z in _spots(rng, 5.5, 14, int(rng.integers(3, 6)), 0.8):
        side = rng.choice([-1, 1])
        x = side * (half + between(rng, 0.1, 0.9) * walk)
        if rng.random() < 0.25:
            x = between(rng, -half, half)
        kind = rng.choice(['stand', 'walk', 'walk', 'run', 'reach'])
        spot = Place(x, z, between(rng, 0, turn))
        items.append((z, lambda spot=spot, kind=kind: draw_person(stage, rng, spot, PERSON, kind)))
    for number, draw, label in ((0, draw_bicycle, BICYCLE), (1, draw_motorcycle, MOTORCYCLE)):
        ridden = 1 + int(rng.random() < 0.4) if (index + number) % 2 else int(rng.random() < 0.5)
        for z in _spots(rng, 5.5, 11, ridden, 2.0):
            x = rng.choice([-1, 1]) * between(rng, 0.2, 0.95) * half
            spot = Place(x, z, between(rng, 0, turn))
            items.append((z, lambda spot=spot, draw=draw, label=label: draw(
                stage, rng, spot, label, RIDER)))
        if rng.random() < 0.45:  # a parked one
            x = rng.choice([-1, 1]) * (half + between(rng, 0.0, 0.8) * walk)
            spot = Place(x, between(rng, 6, 11), between(rng, 0, turn))
            items.append((spot.z, lambda spot=spot, draw=draw, label=label: draw(
                stage, rng, spot, label)))
    return items


def _furniture(stage, rng, half, walk):
    """Return poles, signs, lights, trees and bins along both kerbs: (distance, draw) pairs."""
    items = Things(stage, rng)
    add = items.add
    for side in (-1, 1):
        for z in _spots(rng, 8, 40, 2, 6.0):
            add(z, draw_pole, side, side * (half + 0.4), z, POLE)
        for z in _spots(rng, 7, 15, int(rng.integers(1, 3)), 2.0):
            add(z, draw_sign, side * (half + between(rng, 0.2, 0.9) * walk), z, SIGN, POLE)
        if rng.random() < 0.7:
            z = between(rng, 7.5, 15)
            arm = -side * between(rng, 2, 4) if rng.random() < 0.35 else 0.0
            add(z, draw_light, side * (half + between(rng, 0.2, 0.8)), z, LIGHT, POLE, arm)
        if rng.random() < 0.2:
            z = between(rng, 10, 18)
            add(z, draw_guide_sign, side, side * (half + 0.7 * walk), z, SIGN, POLE)
        for z in _spots(rng, 10, 45, int(rng.integers(0, 3)), 6.0):
            add(z, draw_tree, side * (half + 0.6 * walk), z, VEGETATION, rng.random() < 0.4)
        if rng.random() < 0.2:
            z = between(rng, 8, 20)
            add(z, draw_bin, side * (half + 0.5 * walk), z, STATIC)
    return items


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
        super().polygons(many, color, self._numbered(label))

    def strokes(self, many, width, color=None, label=None, closed=False):
        super().strokes(many, width, color, self._numbered(label), closed)

    def disc(self, centre, radii, color=None, label=None, angle=0.0):
        super().disc(centre, radii, color, self._numbered(label), angle)

    def _numbered(self, label):
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
    _ground(stage, rng, half, walk, yards, [rail] if index % 3 == 2 else [])
    _backdrop(stage, rng, half)
    for side, yard in zip((-1, 1), yards, strict=True):
        _side(stage, rng, side, side * (half + walk + yard))
    items = _furniture(stage, rng, half, walk)
    if index % 3 == 2:  # the tram's wire
        stage.line([(rail, 5.0, 4), (rail, 5.0, FAR)], 0.05, (40, 40, 40))
    items += _traffic(stage, rng, index, half, rail) + _walkers(stage, rng, index, half, walk)
    for canvas.number, (_, draw) in enumerate(sorted(items, key=lambda item: -item[0]), 1):
        draw()
    canvas.number = 0
    if rng.random() < 0.3:
        _hood(canvas, rng)
    image, label = canvas.finish()
    return exposed(rng, surfaced(
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
