"""Generates pictures of ten kinds of objects in the folders of ImageNet.

Objects turn, vary in size and stand before clutter, in the surroundings of their kind: on roads,
in rooms, on water or in meadows. Paint and clutter are drawn from the same colours for all classes,
so that within a kind only the shape tells them.
"""
import numpy as np

from .drawing import Canvas, between, draw_clutter, expose, pick, roughen, write_image
from .furniture import chair, sofa
from .landscape_things import draw_animal, draw_boat, draw_house
from .riders import draw_bicycle, draw_motorcycle
from .space import Camera, Place, Stage
from .vehicles import draw_bus, draw_car, draw_truck


def _with_named_label(draw):
    """Return a drawing that asks for a class' label by name, as one that takes the label."""
    return lambda stage, rng, place, label: draw(stage, rng, place, lambda _: label)


def _boat(stage, rng, place, label):
    draw_boat(stage, rng, place.x, place.z, lambda _: label)


#: Colours (BGR) of wall or sky and of the floor below it.
ROAD = np.array([[(225, 215, 200)], [(100, 100, 105)]], dtype=np.float64)
ROOM = np.array([[(150, 185, 215)], [(55, 80, 125)]], dtype=np.float64)
WATER = np.array([[(235, 210, 180)], [(150, 95, 30)]], dtype=np.float64)
MEADOW = np.array([[(235, 200, 160)], [(60, 150, 85)]], dtype=np.float64)

#: Class by class: name, drawing, length and height in metres, and how far it turns from facing
#: the camera (radians); furniture and houses are plain boxes from behind; surroundings.
OBJECTS = (
    ('car', draw_car, 4.3, 1.5, np.pi, ROAD),
    ('bus', draw_bus, 10.0, 3.1, np.pi, ROAD),
    ('truck', draw_truck, 7.0, 3.1, np.pi, ROAD),
    ('bicycle', draw_bicycle, 1.8, 1.0, np.pi, ROAD),
    ('motorcycle', draw_motorcycle, 2.0, 1.1, np.pi, ROAD),
    ('chair', _with_named_label(chair), 0.9, 0.9, 1.2, ROOM),
    ('sofa', _with_named_label(sofa), 1.9, 0.8, 0.9, ROOM),
    ('boat', _boat, 5.5, 4.5, 0.0, WATER),
    ('house', _with_named_label(draw_house), 8.0, 5.0, 1.1, MEADOW),
    ('animal', _with_named_label(draw_animal), 2.6, 1.5, np.pi, MEADOW))
#: Folder of each class; the real WordNet numbers begin far above.
FOLDERS = tuple(f'n{number:08d}' for number in range(1, len(OBJECTS) + 1))
ALL = tuple(range(len(OBJECTS)))
#: Kinds that a narrow network learns in minutes. Two have the same surroundings each, which
#: therefore do not give the class away.
FEW = tuple(index for index, (name, *_) in enumerate(OBJECTS)
            if name in ('car', 'bicycle', 'chair', 'sofa', 'house', 'animal'))


def draw_object(seed, kind, height=96, width=96):
    """Draw one object before clutter.

    Args:
        seed (Sequence[int]): Seed of this image.
        kind (int): Class, 0 to 9.
        height (int): Height in pixels. Defaults to 96.
        width (int): Width in pixels. Defaults to 96.

    Returns:
        ndarray: Image (height, width, 3) uint8, BGR.
    """
    rng = np.random.default_rng(seed)
    canvas = Canvas(height, width, background=0)
    _, draw, length, tall, turn, (back, floor) = OBJECTS[kind]
    draw_clutter(canvas, rng, int(rng.integers(0, 5)), back, floor)
    away = length * between(rng, 1.8, 3.0)
    focal = min(width, height) * between(rng, 0.65, 1.0) * away / length
    above = length * between(rng, 0.08, 0.55)
    shift = rng.uniform(-0.08, 0.08, 2) * (width, height)
    camera = Camera(
        focal=focal,
        centre=width / 2 + shift[0],
        # so that the object's middle comes to the image's
        horizon=height / 2 + shift[1] - focal * (above - tall / 2) / away,
        height=above)
    stage = Stage(canvas, camera, pick(rng), 1000.0, between(rng, 0.3, 0.7))
    draw(stage, rng, Place(0, away, np.pi + between(rng, -1, 1) * turn), 1)
    if rng.random() < 0.5:
        canvas.image[:] = canvas.image[:, ::-1].copy()
    for _ in range(int(rng.integers(0, 3))):  # something before it
        start = rng.uniform(0, 1, 2) * (width, height)
        end = start + rng.normal(0, 0.4, 2) * (width, height)
        canvas.stroke([start, end], between(rng, 0.01, 0.04) * height, pick(rng))
    image, _ = canvas.finish()
    amount = np.array([0.04, 0.06, 0.06]) * between(rng, 0.3, 1.5)
    return expose(rng, roughen(rng, image, amount[:, None, None]), 0.15)


def write_imagenet(root, size, train, val, seed, kinds=ALL):
    """Write objects under ``root`` as ImageNet lays them out: a folder a class, lists in ``meta``.

    Args:
        root (Path): Folder that gets ``train``, ``val`` and ``meta``.
        size (tuple[int, int]): Height and width in pixels.
        train (int): Number of training images, over all classes.
        val (int): Number of validation images, over all classes.
        seed (int): Seed of all images.
        kinds (Sequence[int]): Classes by their place in ``OBJECTS``. Defaults to all.
    """
    folders = FOLDERS[:len(kinds)]
    for number, (split, count) in enumerate((('train', train), ('val', val))):
        lines = []
        for folder in folders:  # a class without an image keeps its number
            (root / split / folder).mkdir(parents=True)
        for index in range(count):
            kind = index % len(kinds)
            stem = f'ILSVRC2012_val_{index + 1:08d}'
            if split == 'train':
                stem = f'{folders[kind]}_{index // len(kinds) + 1}'
            name = f'{folders[kind]}/{stem}.JPEG'
            image = draw_object((seed, number, index), kinds[kind], *size)
            write_image(root / split / name, image)
            lines.append(f'{name} {kind}\n')
        (root / 'meta').mkdir(exist_ok=True)
        (root / 'meta' / f'{split}.txt').write_text(''.join(sorted(lines)))


def write_few_objects(root, size, train, val, seed):
    """Write objects of the kinds of ``FEW`` as :func:`write_imagenet` does those of all."""
    write_imagenet(root, size, train, val, seed, FEW)
