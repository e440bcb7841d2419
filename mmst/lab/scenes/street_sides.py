"""Draws the sides of a street: buildings, walls, fences, hedges, trees, poles, lights and signs.

A side runs along z at a fixed x; ``side`` is -1 left of the road and 1 right of it.
"""
import itertools

import numpy as np

from .drawing import FOLIAGE, between, darker, pick
from .solids import box
from .space import Place


def _panels(x, z0, z1, y0, y1, columns, rows, fill=0.6):
    """Return a grid of window corners (4, 3) on the plane at ``x``."""
    zs, ys = np.linspace(z0, z1, columns + 1), np.linspace(y0, y1, rows + 1)
    dz, dy = (zs[1] - zs[0]) * (1 - fill) / 2, (ys[1] - ys[0]) * (1 - fill) / 2
    return [np.array([(x, low + dy, near + dz), (x, low + dy, far - dz),
                      (x, high - dy, far - dz), (x, high - dy, near + dz)])
            for near, far in itertools.pairwise(zs) for low, high in itertools.pairwise(ys)]


def draw_building(stage, rng, side, x, z0, z1, label):
    """Draw a house with rows of windows, a ground floor of its own and, at times, a gable."""
    floors = int(rng.integers(2, 6))
    storey = between(rng, 2.8, 3.4)
    base, top = between(rng, 3.2, 4.2), 0.0
    top = base + (floors - 1) * storey + 0.5
    color, deep, normal = pick(rng), 10.0, np.array([-side, 0, 0.0])
    toward = np.array([0, 0, -1.0])
    back = x + side * deep
    end = [(x, 0, z0), (back, 0, z0), (back, top, z0), (x, top, z0)]
    if floors < 4 and rng.random() < 0.5:
        roof = pick(rng)
        ridge = top + between(rng, 2, 4)
        middle = x + side * deep / 2
        stage.face(np.array([(x, top, z0), (middle, ridge, z0), (middle, ridge, z1),
                             (x, top, z1)]), roof, label, normal)
        end.insert(3, (middle, ridge, z0))
    stage.face(np.array(end), color, label, toward)
    stage.face(np.array([(x, 0, z0), (x, 0, z1), (x, top, z1), (x, top, z0)]), color, label,
               normal)
    columns = max(1, int((z1 - z0) / between(rng, 2.2, 3.6)))
    pane = pick(rng) if rng.random() < 0.3 else darker(color, between(rng, 0.35, 0.6))
    fill = between(rng, 0.45, 0.65)
    inside = x - side * 0.02
    stage.faces(_panels(inside, z0, z1, base, top - 0.3, columns, floors - 1, fill), pane, label,
                normal)
    stage.faces(_panels(inside, z0, z1, 0, base - 0.4, max(1, columns // 2), 1, 0.75),
                darker(pane, 0.8), label, normal)
    for y in (base - 0.1, top):  # cornices
        stage.face(np.array([(inside, y - 0.2, z0), (inside, y - 0.2, z1),
                             (inside, y + 0.15, z1), (inside, y + 0.15, z0)]),
                   darker(color, 1.25), label, normal)
    ends = [panel[:, [2, 1, 0]] for panel in _panels(z0, x, back, base, top - 0.3, 3, floors - 1)]
    stage.faces(ends, pane, label, toward)


def draw_wall(stage, rng, side, x, z0, z1, label):
    """Draw a free-standing wall of courses of stone under a coping, 1.8 to 3.4 m high."""
    top, color = between(rng, 1.8, 3.4), pick(rng)
    normal, inside = np.array([-side, 0, 0.0]), x - side * 0.02
    stage.face(np.array([(x, 0, z0), (x + side * 0.4, 0, z0), (x + side * 0.4, top, z0),
                         (x, top, z0)]), color, label, np.array([0, 0, -1.0]))
    stage.face(np.array([(x, 0, z0), (x, 0, z1), (x, top, z1), (x, top, z0)]), color, label,
               normal)
    joint = darker(color, between(rng, 0.6, 0.75) if rng.random() < 0.6 else 1.35)
    course, stone = between(rng, 0.4, 0.65), between(rng, 0.8, 1.5)
    near = stage.unit((x, 1, min(z1, max(z0, 9))))
    if course * near > 2.5:
        lines, start = [], max(z0, 4)
        for row, y in enumerate(np.arange(course, top, course)):
            lines.append([(inside, y, start), (inside, y, z1)])
            lines += [[(inside, y - course, z), (inside, y, z)]
                      for z in np.arange(start + stone / 2 * (row % 2), z1, stone)]
        stage.lines(lines, 0.05, joint)
    coping = darker(color, 1.25 if rng.random() < 0.5 else 0.7)
    stage.face(np.array([(inside, top - 0.08, z0), (inside, top - 0.08, z1),
                         (inside, top + 0.15, z1), (inside, top + 0.15, z0)]), coping, label)


def draw_fence(stage, rng, side, x, z0, z1, label):
    """Draw slats, bars or wire between posts; the background shows through the gaps."""
    top, color = between(rng, 1.3, 2.4), pick(rng)
    z0, kind = max(z0, 4.0), rng.choice(['slats', 'bars', 'wire'])
    stage.face(np.array([(x, 0, z0), (x, 0, z1), (x, top, z1), (x, top, z0)]), None, label)
    width, gap = {'slats': (0.22, 0.42), 'bars': (0.08, 0.4), 'wire': (0.05, 0.6)}[kind]
    spots = np.arange(z0, z1, gap)
    spots = spots[stage.camera.focal * abs(x) * gap / spots**2 > 1.2]  # further off they merge
    if kind == 'wire':
        stage.lines([[(x, 0, z), (x, top, z + top)] for z in spots], width, color)
        stage.lines([[(x, top, z), (x, 0, z + top)] for z in spots], width, color)
    elif kind == 'slats':
        stage.faces([np.array([(x, 0.1, z), (x, 0.1, z + width), (x, top, z + width),
                               (x, top, z)]) for z in spots], color)
    else:
        stage.lines([[(x, 0, z), (x, top, z)] for z in spots], width, color)
    if len(spots) and spots[-1] < z1 - 2 * gap:
        cut = spots[-1]
        stage.face(np.array([(x, 0, cut), (x, 0, z1), (x, top, z1), (x, top, cut)]),
                   darker(color, 0.85))
    for y in (0.25 * top, 0.9 * top):
        stage.line([(x, y, z0), (x, y, z1)], 0.1, darker(color, 0.9), label)
    stage.lines([[(x, 0, z), (x, top + 0.1, z)] for z in np.arange(z0, z1, 3.0)], 0.16,
                darker(color, 0.75), label)


def leaves(stage, rng, centre, size, label, count=16, color=None):
    """Draw a cloud of leafy balls about a world point (3,); ``size`` (3,) is its half extent,
    metres.
    """
    color = pick(rng, FOLIAGE) if color is None else color
    spread = rng.normal(0, 0.45, (count, 3)).clip(-0.9, 0.9)
    spread = spread[np.argsort(spread[:, 1])]
    light = 0.85 + 0.3 * spread[:, 1:2] + rng.uniform(-0.2, 0.2, (count, 1))
    stage.discs(centre + spread * size, 0.42 * min(size) * rng.uniform(0.7, 1.3, count),
                light * color, label)


def draw_tree(stage, rng, x, z, label, small=False):
    """Draw a tree 4 to 8 m high, its trunk of the same class."""
    trunk = between(rng, 1.2, 2.2) * (0.5 if small else 1)
    crown = between(rng, 1.3, 2.2) * (0.55 if small else 1)
    tall = crown * between(rng, 1.0, 1.5)
    stage.line([(x, 0, z), (x, trunk + tall / 2, z)], 0.3, pick(rng, FOLIAGE, 6) * 0.6, label)
    leaves(stage, rng, (x, trunk + tall, z), (crown, tall, crown), label, 20)


def draw_hedge(stage, rng, side, x, z0, z1, label):
    """Draw bushes in a row."""
    color, top = pick(rng, FOLIAGE), between(rng, 0.8, 2.6)
    for z in np.arange(z1, max(z0, 4), -max(top * 0.7, 1.0)):
        leaves(stage, rng, (x + side * 0.8, top * 0.5, z), (0.9, top * 0.62, 1.2), label, 7, color)


def draw_pole(stage, rng, side, x, z, label):
    """Draw a street lamp: a post with an arm over the road."""
    top, width, color = between(rng, 5, 8), between(rng, 0.18, 0.28), pick(rng)
    stage.line([(x, 0, z), (x, top, z)], width, color, label)
    stage.line([(x, 0, z), (x, 1.0, z)], width * 1.5, darker(color, 0.9), label)
    if rng.random() < 0.7:
        tip = x - side * between(rng, 1.2, 2.4)
        stage.line([(x, top, z), (tip, top + 0.3, z)], width * 0.7, color, label)
        stage.line([(tip + side * 0.7, top + 0.25, z), (tip, top + 0.3, z)], 0.28,
                   darker(color, 0.8), label)


def _flat(stage, x, y, z, outline):
    """Return a world polygon facing the camera from an outline (N, 2) in metres about (x, y)."""
    return np.column_stack([x + outline[:, 0], y + outline[:, 1], np.full(len(outline), z)])


def _regular(corners, turn=0.0):
    angle = np.linspace(0, 2 * np.pi, corners + 1)[:-1] + turn
    return np.column_stack([np.sin(angle), np.cos(angle)])


def draw_sign(stage, rng, x, z, label, pole):
    """Draw a traffic sign of one of five outlines, rimmed, on a post."""
    size, high = between(rng, 0.45, 0.62), between(rng, 2.3, 2.9)
    outline = [_regular(18), _regular(3), _regular(3, np.pi), _regular(8, np.pi / 8),
               _regular(4), _regular(4, np.pi / 4)][rng.integers(6)]
    stage.line([(x, 0, z), (x, high, z)], 0.17, pick(rng), pole)
    count = 1 + (rng.random() < 0.3)
    for index in range(count):
        rim, inner = pick(rng), pick(rng)
        while np.abs(rim - inner).sum() < 110:
            inner = pick(rng)
        y = high - index * 2.1 * size
        stage.face(_flat(stage, x, y, z, outline * size), rim, label)
        stage.face(_flat(stage, x, y, z, outline * size * 0.68), inner, label)
        if rng.random() < 0.6:
            bar = np.array([(-0.35, -0.1), (0.35, -0.1), (0.35, 0.1), (-0.35, 0.1)])
            bar = bar if rng.random() < 0.5 else bar[:, ::-1]
            stage.face(_flat(stage, x, y, z, bar * size), darker(rim, 0.8), label)


def draw_guide_sign(stage, rng, side, x, z, label, pole):
    """Draw a large board with lines of writing, on two posts."""
    wide, high = between(rng, 1.0, 1.5), between(rng, 0.55, 0.85)
    y, color = between(rng, 2.6, 3.2), pick(rng)
    for offset in (-0.7 * wide, 0.7 * wide):
        stage.line([(x + offset, 0, z), (x + offset, y, z)], 0.14, pick(rng), pole)
    board = np.array([(-wide, -high), (wide, -high), (wide, high), (-wide, high)])
    ink = darker(color, 1.9 if color.mean() < 110 else 0.4)
    stage.face(_flat(stage, x, y, z, board), ink, label)
    stage.face(_flat(stage, x, y, z, board * 0.9), color, label)
    for row in (-0.35, 0.3):
        stage.line([(x - 0.7 * wide, y + row * high, z),
                    (x + between(rng, -0.1, 0.7) * wide, y + row * high, z)], 0.14, ink, label)


def draw_light(stage, rng, x, z, label, pole, arm=0.0):
    """Draw a traffic light: a tall box with three round lenses, one of them lit.

    ``arm`` (metres, signed) hangs a second box over the road.
    """
    post = between(rng, 2.6, 3.3) if not arm else 5.0
    stage.line([(x, 0, z), (x, post + 0.4, z)], 0.2, pick(rng), pole)
    spots = [(x, min(post, 3.0))]
    if arm:
        stage.line([(x, post + 0.3, z), (x + arm, post + 0.3, z)], 0.18, pick(rng), pole)
        spots.append((x + arm, post - 0.4))
    body, lit = pick(rng) * between(rng, 0.4, 1.0), int(rng.integers(3))
    lens = [(50, 60, 225), (50, 180, 240), (120, 210, 90)]
    for left, y in spots:
        outline = np.array([(-0.32, -0.82), (0.32, -0.82), (0.32, 0.82), (-0.32, 0.82)])
        stage.face(_flat(stage, left, y, z, outline), body, label)
        colors = [lens[index] if index == lit else darker(body, 0.5) for index in range(3)]
        stage.discs([(left, y + 0.5 - 0.5 * index, z - 0.02) for index in range(3)], [0.2] * 3,
                    colors, label)


def draw_bin(stage, rng, x, z, label):
    """Draw a litter bin, which is no class that is trained."""
    stage.solid(Place(x, z), box(0.5, 0.5, 0, between(rng, 0.8, 1.1), pick(rng)), label)
