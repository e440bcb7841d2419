"""Generates rooms and landscapes of ten of ADE20K's classes, in the folders of ADE20K.

A narrow network learns them in minutes: few things, and most of them large. Colours do not
give the classes away: all in a room and the houses outside share one paint, trees and grass
another.
"""
import numpy as np

from .ade_scenes import annotation, finish, write_scenes
from .drawing import FOLIAGE, Canvas, between, pick
from .furniture import sofa
from .landscape_things import draw_house
from .landscapes import draw_mountains, open_air
from .rooms import draw_window, enter_room
from .space import Place
from .street_sides import draw_tree

#: Things that are drawn as parts of others, and the class that each gets.
PARTS = {'cushion': 'sofa', 'curtain': 'windowpane'}


def _name(name):
    return annotation(PARTS.get(name, name))


def _draw_room(canvas, rng):
    """Draw a room with windows on its walls, and a sofa or two."""
    stage, room = enter_room(canvas, rng, _name)
    for wall, part in (('back', 0.25), ('back', 0.75), ('left', 0.5), ('right', 0.5)):
        low, high = room.span(wall)
        if rng.random() < 0.5:
            draw_window(stage, rng, room, wall, low + part * (high - low), _name)
    walls = rng.permutation(['back', 'left', 'right'])[:int(rng.integers(1, 3))]
    places = [room.place(str(wall), between(rng, -0.5, 0.5) if wall == 'back'
                         else between(rng, 0.65, 0.75) * room.deep) for wall in walls]
    for place in sorted(places, key=lambda place: -place.z):
        sofa(stage, rng, place, _name)


def _draw_landscape(canvas, rng):
    """Draw a meadow with trees and houses, often before mountains."""
    stage = open_air(canvas, rng, _name)
    if rng.random() < 0.9:
        draw_mountains(stage, rng, _name)
    stage.face([(-300, 0, 1), (300, 0, 1), (300, 0, 300), (-300, 0, 300)], pick(rng, FOLIAGE),
               _name('grass'))
    items = []
    for z in rng.uniform(14, 24, int(rng.integers(1, 3))):
        place = Place(between(rng, -0.45, 0.45) * z, z, np.pi + between(rng, -.6, .6))
        items.append((z, lambda place=place: draw_house(stage, rng, place, _name)))
    for z in rng.uniform(9, 26, int(rng.integers(2, 5))):
        x = between(rng, -0.5, 0.5) * z
        items.append((z, lambda x=x, z=z: draw_tree(stage, rng, x, z, _name('tree'))))
    for _, draw in sorted(items, key=lambda item: -item[0]):
        draw()


def draw_quiet_place(seed, index, height=128, width=128):
    """Draw a room (even ``index``) or a landscape (odd).

    Args:
        seed (Sequence[int]): Seed of this image.
        index (int): Its place in the split.
        height (int): Height in pixels. Defaults to 128.
        width (int): Width in pixels. Defaults to 128.

    Returns:
        tuple: Image (height, width, 3) uint8, BGR, and annotation (height, width) uint8.
    """
    rng = np.random.default_rng(seed)
    canvas = Canvas(height, width, background=0)
    (_draw_landscape if index % 2 else _draw_room)(canvas, rng)
    return finish(canvas, rng, 0.0)


def write_quiet_places(root, size, train, val, seed):
    """Write quiet rooms and landscapes under ``root`` as the ADE20K challenge set lays them out.

    Args:
        root (Path): Folder that gets ``ADEChallengeData2016``.
        size (tuple[int, int]): Height and width in pixels.
        train (int): Number of training images.
        val (int): Number of validation images.
        seed (int): Seed of all images.
    """
    write_scenes(root, size, train, val, seed, draw_quiet_place)
