"""Generates indoor and outdoor scenes in the folders and label format of ADE20K's challenge set."""
import numpy as np

from .drawing import Canvas, between, expose, roughen, write_image
from .landscapes import OUTDOORS, SURFACES
from .rooms import draw_room

#: Classes that occur, by their number among the 150 (from 0; an annotation holds one more).
CLASSES = {
    'wall': 0, 'building': 1, 'sky': 2, 'floor': 3, 'tree': 4, 'ceiling': 5, 'road': 6, 'bed': 7,
    'windowpane': 8, 'grass': 9, 'cabinet': 10, 'sidewalk': 11, 'person': 12, 'earth': 13,
    'door': 14, 'table': 15, 'mountain': 16, 'plant': 17, 'curtain': 18, 'chair': 19, 'car': 20,
    'painting': 22, 'sofa': 23, 'house': 25, 'sea': 26, 'mirror': 27, 'rug': 28, 'field': 29,
    'armchair': 30, 'fence': 32, 'desk': 33, 'rock': 34, 'wardrobe': 35, 'lamp': 36,
    'bathtub': 37, 'cushion': 39, 'signboard': 43, 'chest of drawers': 44, 'sand': 46, 'sink': 47,
    'refrigerator': 50, 'path': 52, 'pillow': 57, 'bookcase': 62, 'coffee table': 64,
    'toilet': 65, 'flower': 66, 'book': 67, 'hill': 68, 'bench': 69, 'stove': 71, 'palm': 72,
    'computer': 74, 'swivel chair': 75, 'boat': 76, 'bus': 80, 'truck': 83, 'tower': 84,
    'chandelier': 85, 'streetlight': 87, 'television receiver': 89, 'airplane': 90, 'animal': 126,
    'lake': 128, 'vase': 135, 'clock': 148, 'flag': 149}


def annotation(name):
    """Return a class's value in an annotation file; 0 is left for pixels without a class."""
    return CLASSES[name] + 1


def draw_scene(seed, index, height=128, width=128):
    """Draw a room (even ``index``) or an outdoor scene (odd).

    Args:
        seed (Sequence[int]): Seed of this image.
        index (int): Its place in the split; kinds of scenes take turns over it.
        height (int): Height in pixels. Defaults to 128.
        width (int): Width in pixels. Defaults to 128.

    Returns:
        tuple: Image (height, width, 3) uint8, BGR, and annotation (height, width) uint8.
    """
    rng = np.random.default_rng(seed)
    canvas = Canvas(height, width, background=0)
    if index % 2 == 0:
        draw_room(canvas, rng, index // 2, annotation)
    else:
        OUTDOORS[index // 2 % len(OUTDOORS)](canvas, rng, annotation)
    return finish(canvas, rng, 0.12)


def finish(canvas, rng, dusk):
    """Return the image of a canvas with textures and light, and its annotation.

    Args:
        canvas (Canvas): The drawing; its labels are annotations.
        rng (numpy.random.Generator): Source of chance.
        dusk (float): Share of images that are dark.

    Returns:
        tuple: Image (height, width, 3) uint8, BGR, and annotation (height, width) uint8.
    """
    image, label = canvas.finish()
    table = np.tile(np.array((0.02, 0.03, 0.04), np.float32), (256, 1))
    for name, amount in SURFACES.items():
        table[annotation(name)] = amount
    amount = (table * between(rng, 0.6, 1.3))[label].transpose(2, 0, 1)
    cells = np.array([1.5, 4.0, 16.0]) * max(1.0, canvas.height / 128)
    return expose(rng, roughen(rng, image, amount, cells), dusk), label


def write_ade20k(root, size, train, val, seed):
    """Write scenes under ``root`` as the ADE20K challenge set lays them out.

    Args:
        root (Path): Folder that gets ``ADEChallengeData2016``.
        size (tuple[int, int]): Height and width in pixels.
        train (int): Number of training images.
        val (int): Number of validation images.
        seed (int): Seed of all images.
    """
    write_scenes(root, size, train, val, seed, draw_scene)


def write_scenes(root, size, train, val, seed, draw):
    """Write the scenes of ``draw(seed, index, height, width)``, as :func:`write_ade20k` does."""
    root = root / 'ADEChallengeData2016'
    for number, (split, short, count) in enumerate((('training', 'train', train),
                                                    ('validation', 'val', val))):
        for index in range(count):
            image, label = draw((seed, number, index), index, *size)
            stem = f'{split}/ADE_{short}_{index + 1:08d}'
            write_image(root / 'images' / f'{stem}.jpg', image)
            write_image(root / 'annotations' / f'{stem}.png', label)
