"""Draws outdoor scenes: a street, the country, a coast and a park."""
import itertools

import numpy as np

from .drawing import FOLIAGE, PAINT, between, darker, pick, value_noise
from .landscape_things import (
    STONE,
    draw_airplane,
    draw_animal,
    draw_bench,
    draw_boat,
    draw_flag,
    draw_flowers,
    draw_house,
    draw_palm,
    draw_rock,
    draw_tower,
)
from .riders import draw_person
from .space import Camera, Place, Stage
from .street_sides import (
    draw_building,
    draw_fence,
    draw_guide_sign,
    draw_hedge,
    draw_pole,
    draw_tree,
    leaves,
)
from .vehicles import draw_bus, draw_car, draw_truck

#: Contrast of fine, middle and coarse texture of plants, water and ground.
SURFACES = {'tree': (.13, .13, .08), 'grass': (.10, .06, .06), 'field': (.08, .09, .06),
            'plant': (.08, .08, .04), 'earth': (.06, .07, .07), 'sand': (.06, .03, .05),
            'rock': (.06, .10, .08), 'mountain': (.05, .09, .10), 'hill': (.08, .08, .08),
            'sky': (0, 0, .02), 'sea': (.05, .07, .04), 'lake': (.03, .05, .04),
            'rug': (.08, .06, .04), 'road': (.035, .03, .05), 'path': (.06, .06, .05)}
_SKIES = np.array([[(200, 160, 110), (225, 210, 190)], [(190, 190, 185), (215, 215, 212)],
                   [(150, 110, 90), (150, 185, 225)], [(225, 190, 150), (235, 230, 225)]], float)
_BARE = np.array([(120, 165, 195), (90, 120, 150), (70, 95, 125), (150, 185, 205)], float)
_WATER = np.array([(150, 120, 80), (130, 130, 90), (120, 110, 105), (110, 90, 60)], float)
FAR = 120.0


def open_air(canvas, rng, name, low=0.35, high=0.55):
    """Draw a sky and return a stage over open ground."""
    camera = Camera(
        focal=0.9 * max(canvas.width, canvas.height),
        centre=canvas.width * between(rng, 0.35, 0.65),
        horizon=canvas.height * between(rng, low, high),
        height=between(rng, 1.6, 3.0),
        yaw=between(rng, -0.15, 0.15))
    top, bottom = _SKIES[rng.integers(len(_SKIES))] + rng.normal(0, 8, (2, 3))
    rows, columns = canvas.label.shape
    share = np.clip(np.arange(rows) / (camera.horizon * canvas.scale), 0, 1)[:, None, None]
    clouds = value_noise(rng, rows, columns, columns / 5).clip(-1, 1.5)[..., None]
    canvas.image[:] = np.clip(top + (bottom - top) * share + clouds * between(rng, 3, 20), 0, 255)
    canvas.label[:] = name('sky')
    return Stage(canvas, camera, bottom, between(rng, 80, 300), between(rng, 0.3, 0.7))


def _strip(stage, x0, x1, z0, z1, color, label):
    stage.face([(x0, 0, z0), (x1, 0, z0), (x1, 0, z1), (x0, 0, z1)], color, label)


def _ridge(stage, rng, color, label, height, rough):
    """Return a range of mountains or hills along the horizon; ``height`` in metres at FAR."""
    x = np.linspace(-180, 180, 61)
    top = np.zeros(61)
    for scale in (1, 2, 4):
        top += value_noise(rng, 1, 61, 12 / scale)[0] * rough**(scale - 1) / scale
    top = np.maximum(height * (0.55 + 0.45 * top), 0.5)
    outline = np.column_stack([x, top, np.full(61, FAR)])
    stage.face(np.vstack([outline, [(180, -1, FAR), (-180, -1, FAR)]]), color, label)
    return outline


def draw_mountains(stage, rng, name):
    color = pick(rng, STONE)
    outline = _ridge(stage, rng, color, name('mountain'), between(rng, 18, 38), 0.9)
    for peak in outline[1:-1:2]:  # faces turned from the light
        foot = peak * (1, 0, 1) + (between(rng, 3, 9), 0, 0)
        stage.face([peak, foot, foot + np.array((6, 0, 0))], darker(color, 0.8), None)
        if peak[1] > 24:
            stage.face([peak, peak - (3, 6, 0), peak - (0, 4, 0), peak - (-3, 6, 0)],
                       (225, 225, 225), None)


def _in_order(items):
    for _, draw in sorted(items, key=lambda item: -item[0]):
        draw()


def draw_town(canvas, rng, name):
    """Draw a street between houses with traffic, lamps, boards and walkers."""
    stage = open_air(canvas, rng, name)
    half, walk, items = between(rng, 3, 4.5), between(rng, 2, 3.5), []
    _strip(stage, -200, 200, 1, 200, pick(rng, FOLIAGE), name('grass'))
    _strip(stage, -half - walk, half + walk, 1, 200, pick(rng, PAINT[:5]), name('sidewalk'))
    _strip(stage, -half, half, 1, 200, pick(rng, PAINT[:4]), name('road'))
    for z in np.arange(3, 40, 5):
        _strip(stage, -.08, .08, z, z + 2.5, (205, 210, 215), name('road'))
    for side in (-1, 1):
        cuts = np.arange(2, 70, between(rng, 7, 12))
        for z0, z1 in reversed(list(itertools.pairwise(cuts))):
            x = side * (half + walk)
            if rng.random() < 0.75:
                draw_building(stage, rng, side, x, z0, z1, name('building'))
            else:
                draw_tree(stage, rng, x + side * 2, (z0 + z1) / 2, name('tree'))
                draw_fence(stage, rng, side, x, z0, z1, name('fence'))
        for z in rng.uniform(8, 30, 2):
            items.append((z, lambda z=z, side=side: draw_pole(
                stage, rng, side, side * (half + .4), z, name('streetlight'))))
        z = between(rng, 7, 14)
        items.append((z, lambda z=z, side=side: draw_guide_sign(
            stage, rng, side, side * (half + .6 * walk), z, name('signboard'), 0)))
        z = between(rng, 6, 14)
        items.append((z, lambda z=z, side=side: draw_person(
            stage, rng, Place(side * (half + between(rng, 0, walk)), z, between(rng, 0, 6.3)),
            name('person'), 'walk')))
    vehicles = ((draw_car, 'car'), (draw_bus, 'bus'), (draw_truck, 'truck'), (draw_car, 'car'))
    for index, lane in ((rng.integers(1, 4), -.5), (rng.integers(0, 2) * 3, .5)):
        draw, kind = vehicles[index]
        place = Place(lane * half, between(rng, 12, 22), rng.choice([0, np.pi]))
        items.append((place.z, lambda draw=draw, kind=kind, place=place: draw(
            stage, rng, place, name(kind))))
    _in_order(items)


def draw_country(canvas, rng, name):
    """Draw mountains or hills behind a field with a house, a path, rocks, trees and animals."""
    stage = open_air(canvas, rng, name)
    if rng.random() < 0.6:
        draw_mountains(stage, rng, name)
    if rng.random() < 0.6:
        _ridge(stage, rng, pick(rng, FOLIAGE), name('hill'), between(rng, 5, 12), 0.3)
    if rng.random() < 0.5:
        draw_airplane(stage, rng, name)
    near = str(rng.choice(['field', 'grass', 'earth']))
    palette = _BARE if near == 'earth' else FOLIAGE
    color = pick(rng, palette)
    _strip(stage, -300, 300, 1, 400, color, name(near))
    if near == 'field':  # furrows
        stage.lines([[(x, 0, 3), (x, 0, 60)] for x in np.arange(-24, 24, 1.5)], .3,
                    darker(color, 0.8))
    if rng.random() < 0.5:
        _strip(stage, -300, 300, between(rng, 25, 40), 90, pick(rng, _WATER), name('lake'))
    bend = between(rng, -14, 14)
    if rng.random() < 0.6:
        stage.face([(-1.2, 0, 1.5), (1.2, 0, 1.5), (.5 * bend + 1.4, 0, 12), (bend + 1, 0, 45),
                    (bend - 1, 0, 45), (.5 * bend - 1, 0, 12)], pick(rng, _BARE), name('path'))
    items, spread = [], lambda z: between(rng, -0.5, 0.5) * z
    for z in rng.uniform(14, 24, int(rng.integers(1, 3))):
        place = Place(spread(z), z, np.pi + between(rng, -.6, .6))
        items.append((z, lambda place=place: draw_house(stage, rng, place, name)))
    for z in rng.uniform(8, 30, int(rng.integers(2, 6))):
        items.append((z, lambda z=z: draw_tree(stage, rng, spread(z), z, name('tree'))))
    for z in rng.uniform(4, 10, 2):
        items.append((z, lambda z=z: draw_rock(stage, rng, spread(z), z, name)))
    for z in rng.uniform(6, 12, int(rng.integers(1, 4))):
        place = Place(spread(z), z, between(rng, 0, 6.3))
        items.append((z, lambda place=place: draw_animal(stage, rng, place, name)))
    _in_order(items)


def draw_coast(canvas, rng, name):
    """Draw sand, the sea with boats, palms, rocks and a tower on land."""
    stage = open_air(canvas, rng, name)
    if rng.random() < 0.4:
        draw_mountains(stage, rng, name)
    shore = between(rng, 10, 18)
    _strip(stage, -400, 400, 1, 1000, pick(rng, _WATER), name('sea'))
    slant = between(rng, -5, 5)
    color, beach = pick(rng, _BARE), name('sand')
    stage.face([(-80, 0, 1), (80, 0, 1), (80, 0, shore + slant), (0, 0, shore),
                (-80, 0, shore - slant)], color, beach)
    stage.line([(-80, 0, shore - slant), (0, 0, shore), (80, 0, shore + slant)], .6,
               (220, 225, 225), name('sea'))
    items, spread = [], lambda z: between(rng, -0.45, 0.45) * z
    for z in rng.uniform(shore + 8, 50, int(rng.integers(1, 4))):
        items.append((z, lambda z=z: draw_boat(stage, rng, spread(z), z, name)))
    for z in rng.uniform(6, shore - 2, int(rng.integers(1, 4))):
        items.append((z, lambda z=z: draw_palm(stage, rng, spread(z), z, name)))
    for z in rng.uniform(5, shore - 1, int(rng.integers(1, 4))):
        items.append((z, lambda z=z: draw_rock(stage, rng, spread(z), z, name)))
    for z in rng.uniform(5, shore - 2, int(rng.integers(0, 3))):
        place = Place(spread(z), z, between(rng, 0, 6.3))
        items.append((z, lambda place=place: draw_person(
            stage, rng, place, name('person'), str(rng.choice(['walk', 'run', 'reach'])))))
    if rng.random() < 0.6:
        z = between(rng, 28, 40)
        items.append((z, lambda: draw_tower(stage, rng, spread(z), z, name)))
    _in_order(items)


def draw_park(canvas, rng, name):
    """Draw grass with a path, benches, flower beds, trees, people and a flag before houses."""
    stage = open_air(canvas, rng, name)
    if rng.random() < 0.6:
        for x in np.arange(-60, 60, between(rng, 10, 16)):
            draw_building(stage, rng, 1, x, 60, 66, name('building'))
    else:
        for x in np.arange(-60, 60, 6.0):
            leaves(stage, rng, (x, 3, 70), (5, between(rng, 4, 8), 5), name('tree'), 7)
    _strip(stage, -300, 300, 1, 300, pick(rng, FOLIAGE), name('grass'))
    turn = between(rng, -12, 12)
    stage.face([(-1.5, 0, 1.5), (1.5, 0, 1.5), (turn + 1.5, 0, 40), (turn - 1.5, 0, 40)],
               pick(rng, _BARE), name('path'))
    if rng.random() < 0.4:
        draw_hedge(stage, rng, 1, between(rng, 4, 6), 8, 30, name('tree'))
    items, spread = [], lambda z: between(rng, -0.45, 0.45) * z
    for z in rng.uniform(8, 30, int(rng.integers(2, 6))):
        items.append((z, lambda z=z: draw_tree(stage, rng, spread(z), z, name('tree'))))
    for z in rng.uniform(5, 9, int(rng.integers(1, 3))):
        place = Place(spread(z), z, np.pi + between(rng, -.7, .7))
        items.append((z, lambda place=place: draw_bench(stage, rng, place, name)))
    for z in rng.uniform(4, 8, 2):
        items.append((z, lambda z=z: draw_flowers(stage, rng, spread(z), z, name)))
    for z in rng.uniform(5, 11, int(rng.integers(1, 4))):
        place = Place(spread(z), z, between(rng, 0, 6.3))
        items.append((z, lambda place=place: draw_person(
            stage, rng, place, name('person'), str(rng.choice(['walk', 'run', 'stand'])))))
    if rng.random() < 0.6:
        z = between(rng, 9, 14)
        items.append((z, lambda: draw_flag(stage, rng, spread(z), z, name)))
    _in_order(items)


#: Scenes under the open sky, in turn.
OUTDOORS = (draw_town, draw_country, draw_coast, draw_park)
