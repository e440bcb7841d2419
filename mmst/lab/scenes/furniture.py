"""Draws rooms and their furniture, as boxes in perspective.

A piece's own coordinates: x to its right, y up, z to its front; its back is at z = 0, so that it
can stand against a wall. Labels come as a function of the class' name.
"""
import itertools
from functools import partial

import numpy as np

from .assemble import assemble
from .bathroom import bathtub, sink, toilet
from .drawing import FOLIAGE, between, darker, pick
from .solids import FRONT, cuboid, end_panel
from .space import Place


def _legs(wide, deep, top, color, label, thick=0.06):
    return [(cuboid((x, x + thick), (0, top), (z, z + thick), color), [], label)
            for x in (-wide / 2, wide / 2 - thick) for z in (0, deep - thick)]


def bed(stage, rng, place, name):
    """Draw a bed with a headboard at the wall, a blanket and pillows."""
    wide, deep, top = between(rng, 1.2, 1.8), 2.0, between(rng, 0.4, 0.55)
    half, frame, sheet = wide / 2, pick(rng), pick(rng)
    parts = [(cuboid((-half, half), (0, between(rng, 0.8, 1.2)), (0, 0.1), frame), [],
              name('bed')),
             (cuboid((-half, half), (0.1, top), (0.1, deep), sheet),
              [end_panel(-half, half, 0.1, 0.26, deep, FRONT, frame)], name('bed'))]
    assemble(stage, place, parts)
    low = top + 0.02
    cover = cuboid((-half - 0.02, half + 0.02), (low - 0.2, low), (0.8, deep + 0.01), pick(rng))
    stage.solid(place, cover, name('bed'))
    for x in (-half / 2, half / 2):
        pillow = cuboid((x - 0.28, x + 0.28), (top, top + 0.2), (0.12, 0.5), pick(rng))
        stage.solid(place, pillow, name('pillow'))


def _case(stage, place, wide, high, deep, color, details, label):
    """Draw a closed box standing at the wall, with ``details`` on its front."""
    stage.solid(place, cuboid((-wide / 2, wide / 2), (0, high), (0, deep), color), label, details)


def _knobs(spots, deep):
    return [end_panel(x - 0.03, x + 0.03, y - 0.05, y + 0.05, deep + 0.01, FRONT, (60, 60, 60))
            for x, y in spots]


def wardrobe(stage, rng, place, name):
    """Draw a tall box with two or three doors."""
    wide, high, deep, color = between(rng, 1.1, 1.7), between(rng, 1.9, 2.2), 0.6, pick(rng)
    doors, details = int(rng.integers(2, 4)), []
    edges = np.linspace(-wide / 2, wide / 2, doors + 1)
    for left, right in itertools.pairwise(edges):
        details.append(end_panel(left + .03, right - .03, 0.1, high - 0.06, deep, FRONT,
                                 darker(color, 1.15)))
    details += _knobs([(x + 0.1, high / 2) for x in edges[1:-1]], deep)
    _case(stage, place, wide, high, deep, color, details, name('wardrobe'))


def drawers(stage, rng, place, name):
    """Draw a chest of wide flat drawers."""
    wide, high, deep, color = between(rng, 0.8, 1.2), between(rng, 0.8, 1.1), 0.5, pick(rng)
    edges, details = np.linspace(0.06, high, int(rng.integers(4, 6))), []
    for low, top in itertools.pairwise(edges):
        details.append(end_panel(-wide / 2 + .04, wide / 2 - .04, low + .02, top - .03, deep,
                                 FRONT, darker(color, 1.18)))
        details += _knobs([(-wide / 4, (low + top) / 2), (wide / 4, (low + top) / 2)], deep)
    _case(stage, place, wide, high, deep, color, details, name('chest of drawers'))


def cabinet(stage, rng, place, name):
    """Draw a low row of square doors under a top."""
    wide, high, deep, color = between(rng, 1.2, 2.0), between(rng, 0.8, 0.95), 0.5, pick(rng)
    edges, details = np.linspace(-wide / 2, wide / 2, int(rng.integers(3, 5))), []
    for left, right in itertools.pairwise(edges):
        details.append(end_panel(left + .03, right - .03, 0.12, high - 0.12, deep, FRONT,
                                 darker(color, 0.82)))
        details += _knobs([(right - 0.1, high * 0.7)], deep)
    details.append(end_panel(-wide / 2, wide / 2, high - .07, high, deep, FRONT, pick(rng)))
    _case(stage, place, wide, high, deep, color, details, name('cabinet'))


def bookcase(stage, rng, place, name):
    """Draw shelves full of upright books of many colours."""
    wide, high, deep, color = between(rng, 0.8, 1.3), between(rng, 1.6, 2.1), 0.32, pick(rng)
    _case(stage, place, wide, high, deep, color, [], name('bookcase'))
    rows = np.linspace(0.1, high, int(rng.integers(5, 7)))
    for low, top in itertools.pairwise(rows):
        x = -wide / 2 + 0.06
        stage.solid(place, [], name('bookcase'), [end_panel(
            x, wide / 2 - 0.06, low, top - 0.06, deep, FRONT, darker(color, 0.5))])
        while x < wide / 2 - 0.14:
            thick = between(rng, 0.04, 0.1)
            book = end_panel(x, x + thick, low, top - between(rng, 0.08, 0.16), deep + 0.01,
                             FRONT, pick(rng))
            stage.solid(place, [], name('book'), [book])
            x += thick + (0.12 if rng.random() < 0.08 else 0)


def refrigerator(stage, rng, place, name):
    """Draw a tall box with a small door over a large one, and long handles."""
    wide, high, deep, color = between(rng, 0.65, 0.8), between(rng, 1.6, 1.9), 0.65, pick(rng)
    cut = high * 0.66
    details = [end_panel(-wide / 2, wide / 2, cut - .02, cut + .02, deep, FRONT,
                         darker(color, 0.4))]
    for low, top in ((cut - 0.5, cut - 0.1), (cut + 0.1, cut + 0.35)):
        details.append(end_panel(-wide / 2 + .06, -wide / 2 + .12, low, top, deep, FRONT,
                                 (70, 70, 70)))
    _case(stage, place, wide, high, deep, color, details, name('refrigerator'))


def stove(stage, rng, place, name):
    """Draw an oven under four rings, with knobs."""
    wide, high, deep, color = 0.65, 0.9, 0.6, pick(rng)
    details = [end_panel(-.25, .25, .2, .6, deep, FRONT, (45, 45, 48)),
               end_panel(-.27, .27, .63, .67, deep, FRONT, (170, 170, 170))]
    details += _knobs([(x, 0.79) for x in (-.2, -.07, .07, .2)], deep)
    _case(stage, place, wide, high, deep, color, details, name('stove'))
    for x in (-.16, .16):
        for z in (.18, .43):
            ring = np.array([(x - .1, high, z - .1), (x + .1, high, z - .1),
                             (x + .1, high, z + .1), (x - .1, high, z + .1)])
            stage.face(place.world(ring), (40, 40, 42), name('stove'))


def table(stage, rng, place, name, kind='table'):
    """Draw a slab on four legs: ``kind`` is table, desk (with drawers, a screen) or coffee table.
    """
    high = 0.42 if kind == 'coffee table' else 0.75
    wide, deep, color = between(rng, 1.1, 1.6), between(rng, 0.65, 0.85), pick(rng)
    parts = _legs(wide, deep, high - .05, darker(color, 0.85), name(kind))
    if kind == 'desk':
        box = cuboid((wide / 2 - .45, wide / 2 - .04), (0.05, high - .05), (0.05, deep - .05),
                     darker(color, 0.9))
        fronts = [end_panel(wide / 2 - .42, wide / 2 - .07, y, y + .17, deep - .05, FRONT,
                            darker(color, 1.2)) for y in (.1, .3, .5)]
        parts.append((box, fronts, name('desk')))
    assemble(stage, place, parts)
    slab = cuboid((-wide / 2 - .05, wide / 2 + .05), (high - .06, high), (-.02, deep + .02), color)
    stage.solid(place, slab, name(kind))
    if kind == 'desk':
        stage.solid(place, cuboid((-.05, .05), (high, high + .12), (.2, .25), (50, 50, 50)),
                    name('computer'))
        shell = pick(rng) * 0.6
        stage.solid(place, cuboid((-.33, .33), (high + .1, high + .52), (.2, .25), shell),
                    name('computer'),
                    [end_panel(-.29, .29, high + .14, high + .48, .25, FRONT, pick(rng))])
    elif rng.random() < 0.6:
        vase(stage, rng, place.world([(0, high, deep / 2)])[0], name)


def vase(stage, rng, spot, name):
    """Draw a vase with flowers at a world point (3,)."""
    color = pick(rng)
    heads = np.asarray(spot) + rng.normal(0, 0.08, (6, 3)) + (0, 0.42, 0)
    for head in heads:
        stage.line([spot + np.array([0, 0.2, 0]), head], 0.02, (60, 110, 60), name('flower'))
    stage.discs(heads, [0.06] * 6, [pick(rng)] * 6, name('flower'))
    stage.discs([spot + np.array([0, 0.1, 0])], [0.1], [color], name('vase'))
    stage.line([spot, spot + np.array([0, 0.26, 0])], 0.1, color, name('vase'))


def chair(stage, rng, place, name, kind='chair'):
    """Draw a seat with a back on four legs, or on one column (``swivel chair``)."""
    color, back = pick(rng), between(rng, 0.85, 1.05)
    if kind == 'chair':
        parts = _legs(0.45, 0.45, 0.45, darker(color, 0.8), name(kind), 0.05)
    else:
        parts = [(cuboid((-.04, .04), (0, .45), (.2, .28), (60, 60, 62)), [], name(kind)),
                 (cuboid((-.28, .28), (0.03, .09), (.2, .27), (50, 50, 52)), [], name(kind)),
                 (cuboid((-.03, .03), (0.03, .09), (-.02, .5), (50, 50, 52)), [], name(kind))]
    parts += [(cuboid((-.25, .25), (.43, .5), (0, .48), color), [], name(kind)),
              (cuboid((-.25, .25), (.52, back), (0, .06), color),
               [end_panel(-.17, .17, .62, back - .08, .06, FRONT, darker(color, 0.75))],
               name(kind))]
    assemble(stage, place, parts)


def sofa(stage, rng, place, name, kind='sofa'):
    """Draw a soft seat with a back and arms; narrow as an ``armchair``; with cushions on it."""
    wide, color = between(rng, 1.7, 2.2) if kind == 'sofa' else 0.85, pick(rng)
    half = wide / 2
    parts = [(cuboid((-half, half), (.08, .42), (.2, .9), darker(color, 0.8)), [], name(kind)),
             (cuboid((-half, half), (.08, .85), (0, .22), color), [], name(kind))]
    parts += [(cuboid((x, x + .2), (.08, .62), (.1, .95), darker(color, 1.2)), [], name(kind))
              for x in (-half, half - .2)]
    assemble(stage, place, parts)
    for x in np.arange(-half + .35, half - .3, 0.6):
        if kind == 'sofa' and rng.random() < 0.7:
            cushion = cuboid((x - .19, x + .19), (.44, .78), (.24, .36), pick(rng))
            stage.solid(place, cushion, name('cushion'))


def lamp(stage, rng, place, name):
    """Draw a floor lamp: a thin stand under a conical shade."""
    high, color = between(rng, 1.4, 1.7), darker(pick(rng), 1.3)
    foot = place.world([(0, 0, .2)])[0]
    stage.line([foot, foot + np.array((0, high, 0))], 0.04, (60, 60, 62), name('lamp'))
    stage.line([foot - (.14, 0, 0), foot + np.array((.14, 0, 0))], 0.05, (60, 60, 62), name('lamp'))
    shade = np.array([(-.25, high - .3, 0), (.25, high - .3, 0), (.14, high + .05, 0),
                      (-.14, high + .05, 0)])
    stage.face(foot + shade, color, name('lamp'))


def chandelier(stage, rng, x, z, ceiling, name):
    """Draw a ring of lights hanging from the ceiling."""
    top, color = ceiling - between(rng, 0.45, 0.7), pick(rng)
    stage.line([(x, ceiling, z), (x, top, z)], 0.04, color, name('chandelier'))
    stage.line([(x - .4, top, z), (x + .4, top, z)], 0.06, color, name('chandelier'))
    stage.discs([(x + dx, top + .05, z) for dx in (-.4, -.2, 0, .2, .4)], [.09] * 5,
                [(190, 230, 240)] * 5, name('chandelier'))


def plant(stage, rng, place, name):
    """Draw a pot with long leaves."""
    foot, color, green = place.world([(0, 0, .25)])[0], pick(rng), pick(rng, FOLIAGE)
    high = between(rng, 0.8, 1.4)
    tips = foot + np.column_stack([rng.normal(0, 0.28, 11), rng.uniform(0.6, 1, 11) * high,
                                   rng.normal(0, 0.1, 11)])
    for tip in tips:
        root = foot + np.array((0, .3, 0))
        middle = (root + tip) / 2 + (0, .12, 0)
        stage.line([root, middle, tip], 0.07, darker(green, between(rng, .7, 1.3)), name('plant'))
    pot = np.array([(-.14, 0, 0), (.14, 0, 0), (.19, .35, 0), (-.19, .35, 0)])
    stage.face(foot + pot, color, name('plant'))


#: Pieces that stand at a wall: function, width in metres they need.
PIECES = dict(
    bed=(bed, 2.0), wardrobe=(wardrobe, 1.7), drawers=(drawers, 1.2), cabinet=(cabinet, 2.0),
    bookcase=(bookcase, 1.3), refrigerator=(refrigerator, 0.9), stove=(stove, 0.7),
    desk=(partial(table, kind='desk'), 1.7), sofa=(sofa, 2.2), lamp=(lamp, 0.6),
    armchair=(partial(sofa, kind='armchair'), 1.0), plant=(plant, 0.7),
    bathtub=(bathtub, 1.8), toilet=(toilet, 0.6), sink=(sink, 0.8), chair=(chair, 0.6))
#: Pieces that stand free.
FREE = dict(
    table=table, chair=chair, coffee=partial(table, kind='coffee table'),
    armchair=partial(sofa, kind='armchair'), plant=plant,
    swivel=partial(chair, kind='swivel chair'))


def facing(place, x, z):
    """Return the place's heading toward a point of the room."""
    return Place(place.x, place.z, float(np.arctan2(x - place.x, z - place.z)))
