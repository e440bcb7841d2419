"""Lays a street: its ground, its two sides and its end."""
import itertools

import numpy as np

from .drawing import FOLIAGE, between, darker, pick
from .street_classes import BUILDING, FENCE, ROAD, SIDEWALK, TERRAIN, VEGETATION, WALL
from .street_sides import draw_building, draw_fence, draw_hedge, draw_tree, draw_wall, leaves

FAR = 90.0
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


def lay_ground(stage, rng, half, walk, yards, rails):
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


def draw_side(stage, rng, side, x):
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


def draw_backdrop(stage, rng, half):
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
