"""Draws cars, buses, trucks, trams, bicycles and motorcycles as solids in perspective.

Each function draws one vehicle on a :class:`~mmst.lab.scenes.space.Stage` at a ``Place``; the
colours come from the paint that houses and clothes share, so only its shape shows the class.
"""
import itertools

import numpy as np

from .drawing import between, darker, pick
from .solids import BACK, FRONT, RIGHT, box, end_panel, prism, rectangle, side_panels

GLASS = np.array([(60, 55, 50), (95, 85, 75), (150, 140, 125)], dtype=np.float64)


def _wheels(stage, place, axles, radius, half, label):
    """Draw wheels at ``axles`` (z in metres) as short cylinders, far ones first."""
    angle = np.linspace(0, 2 * np.pi, 11)[:-1]
    spots = [(x, z) for z in axles for x in (-half, half)]
    far = [-stage.camera.depth(place.world([(x, radius, z)])[0]) for x, z in spots]
    for index in np.argsort(far):
        x, z = spots[index]
        rim = np.column_stack([z + radius * np.cos(angle), radius + radius * np.sin(angle)])
        inner = x - np.sign(x) * 0.25
        stage.solid(place, prism(rim, min(x, inner), max(x, inner), (38, 36, 36)), label)
        normal = RIGHT * np.sign(x)
        hub = np.column_stack([np.full(10, x + 0.01 * np.sign(x)),
                               radius + 0.5 * radius * np.sin(angle),
                               z + 0.5 * radius * np.cos(angle)])
        stage.solid(place, [(hub, normal, (130, 130, 130))], label)


def _ground_shadow(stage, place, length, width):
    corners = [(-width / 2, 0, -length / 2), (width / 2, 0, -length / 2),
               (width / 2, 0, length / 2), (-width / 2, 0, length / 2)]
    stage.shadow(place.world(np.array(corners) * [1.15, 1, 1.06]), 0.55)


def _lamps(half, z, height, size):
    """Draw head lights in front, red rear lights at the back of a body from -z to z."""
    lamps = []
    for side in (-1, 1):
        inner, outer = sorted((side * (half - 0.08), side * (half - 0.08 - size)))
        lamps.append(end_panel(inner, outer, height, height + 0.18, z, FRONT, (215, 225, 230)))
        lamps.append(end_panel(inner, outer, height, height + 0.2, -z, BACK, (45, 40, 170)))
    return lamps


def draw_car(stage, rng, place, label):
    """Draw a saloon, hatchback or off-roader, 3.7 to 4.8 m long."""
    length, height = between(rng, 3.7, 4.8), between(rng, 1.4, 1.75)
    half, end = between(rng, 0.85, 0.98), length / 2
    color, glass = pick(rng), pick(rng, GLASS, 8)
    belt = height * between(rng, 0.56, 0.62)
    hood, screen = end * between(rng, 0.38, 0.5), end * between(rng, 0.02, 0.14)
    tail = -end * rng.choice([0.55, 0.78, 0.92])
    roof_back = tail + 0.28 * (1 if tail > -0.7 * end else 0.5)
    body = [(-end, 0.28), (end, 0.28), (end, belt * 0.85), (hood, belt), (-end, belt)]
    cabin = [(tail, belt), (hood, belt), (screen, height), (roof_back, height)]
    _ground_shadow(stage, place, length, 2 * half)
    _wheels(stage, place, (-0.62 * end, 0.62 * end), 0.33, half - 0.02, label)
    inset = half - 0.1
    details = _lamps(half, end, belt * 0.6, 0.32)
    details += [end_panel(-0.3, 0.3, 0.4, 0.52, -end, BACK, (190, 205, 205)),
                end_panel(-0.45, 0.45, 0.36, 0.55, end, FRONT, (45, 45, 45))]
    stage.solid(place, prism(body, -half, half, color), label, details)
    middle = (hood + tail) / 2
    low, high = belt + 0.05, height - 0.12
    panes = side_panels([(tail + 0.18, low), (middle - 0.1, low), (middle - 0.1, high),
                         (roof_back + 0.1, high)], inset, glass)
    panes += side_panels([(middle + 0.05, low), (hood - 0.25, low), (screen - 0.02, high),
                          (middle + 0.05, high)], inset, glass)
    top = prism(cabin, -inset, inset, color)
    ends = [(points, normal, glass if abs(normal[2]) > 0.3 else paint)
            for points, normal, paint in top]
    stage.solid(place, ends, label, panes)


def draw_bus(stage, rng, place, label):
    """Draw a one-box bus with a band of windows all along and doors, 9 to 12 m long."""
    length, height, half = between(rng, 9, 12), between(rng, 2.9, 3.3), 1.25
    end, color, glass = length / 2, pick(rng), pick(rng, GLASS, 8)
    sill = between(rng, 1.15, 1.4)
    _ground_shadow(stage, place, length, 2 * half)
    _wheels(stage, place, (-0.55 * end, 0.6 * end), 0.48, half - 0.02, label)
    profile = [(-end, 0.35), (end, 0.35), (end, height - 0.35), (end - 0.25, height),
               (-end + 0.15, height), (-end, height - 0.2)]
    details, count = [], int(length / 1.4)
    if rng.random() < 0.6:
        stripe = pick(rng)
        details += side_panels(rectangle(-end, end, 0.7, sill - 0.15), half, stripe)
    edges = np.linspace(-end + 0.25, end - 0.3, count + 1)
    for z0, z1 in itertools.pairwise(edges):
        details += side_panels(rectangle(z0 + 0.06, z1 - 0.06, sill, height - 0.5), half, glass)
    for z in (0.0, 0.8 * end):  # doors
        details += side_panels(rectangle(z - 0.55, z + 0.55, 0.45, height - 0.5), half,
                               darker(glass, 0.75))
    details += [end_panel(-half + 0.12, half - 0.12, 1.0, height - 0.75, end, FRONT, glass),
                end_panel(-0.8, 0.8, height - 0.62, height - 0.4, end, FRONT, (60, 190, 230)),
                end_panel(-half + 0.3, half - 0.3, sill + 0.2, height - 0.6, -end, BACK, glass)]
    details += _lamps(half, end, 0.6, 0.35)
    stage.solid(place, prism(profile, -half, half, color), label, details)


def draw_truck(stage, rng, place, label):
    """Draw a cab and, behind a gap, a windowless box, a tipper or a tank, 6.5 to 9 m long."""
    load, height, half = between(rng, 4.2, 6.5), between(rng, 2.9, 3.7), 1.2
    cab, high = 1.9, between(rng, 2.3, 2.8)
    length = load + 0.4 + cab
    end = length / 2
    color, cargo, glass = pick(rng), pick(rng), pick(rng, GLASS, 8)
    kind = rng.choice(['box', 'box', 'tipper', 'tank'])
    _ground_shadow(stage, place, length, 2 * half)
    _wheels(stage, place, (-0.75 * end, -0.42 * end, 0.72 * end), 0.5, half - 0.02, label)
    middle = -end + load / 2
    stage.solid(place, box(length, 1.4, 0.55, 0.95, (50, 50, 52)), label)
    nose = [(end - cab, 0.5), (end, 0.5), (end, 1.35), (end - 0.3, high), (end - cab, high)]
    panes = side_panels([(end - 1.25, 1.4), (end - 0.12, 1.4), (end - 0.38, high - 0.3),
                         (end - 1.25, high - 0.3)], half - 0.05, glass)
    panes += _lamps(half, end, 0.65, 0.3)
    front = [(points, normal, glass if normal[1] > 0.05 and normal[2] > 0.3 else paint)
             for points, normal, paint in prism(nose, -half + 0.05, half - 0.05, color)]
    parts = [(front, panes)]
    if kind == 'tank':
        angle = np.linspace(0, 2 * np.pi, 13)[:-1]
        ring = np.column_stack([1.1 * np.cos(angle), 2.0 + 1.0 * np.sin(angle)])
        parts.append((_barrel(ring, middle - load / 2, middle + load / 2, cargo), []))
    else:
        top = height if kind == 'box' else between(rng, 1.9, 2.3)
        sides = box(load, 2 * half, 0.95, top, cargo, middle)
        ribs = np.linspace(middle - load / 2, middle + load / 2, 7 if kind == 'tipper' else 3)
        lines = []
        for z in ribs[1:-1]:
            lines += side_panels(rectangle(z - 0.05, z + 0.05, 0.95, top), half,
                                 darker(cargo, 0.75))
        lines += [end_panel(-0.04, 0.04, 1.0, top - 0.1, -end, BACK, darker(cargo, 0.6))]
        lines += [end_panel(-half, half, 0.55, 0.75, -end, BACK, (60, 60, 150))]
        parts.append((sides, lines))
    centres = [place.world([(0, 1.5, end - cab / 2)])[0], place.world([(0, 1.5, middle)])[0]]
    for index in np.argsort([-stage.camera.depth(centre) for centre in centres]):
        stage.solid(place, parts[index][0], label, parts[index][1])


def _barrel(ring, back, front, color):
    """Return a lying cylinder: ``ring`` (N, 2) of (x, y), from z ``back`` to ``front``."""
    ends = [np.column_stack([ring, np.full(len(ring), z)]) for z in (back, front)]
    faces = [(ends[0], BACK, color), (ends[1], FRONT, color)]
    for here, there in zip(range(len(ring)), np.roll(range(len(ring)), -1), strict=True):
        points = np.array([ends[0][here], ends[0][there], ends[1][there], ends[1][here]])
        normal = points.mean(0) - [0, ring[:, 1].mean(), 0]
        normal[2] = 0
        faces.append((points, normal / np.linalg.norm(normal), color))
    return faces


def draw_tram(stage, rng, place, label):
    """Draw a tram: several long narrow cars with bellows, tapered nose and current collector."""
    cars, each, half = 2 + int(rng.integers(2)), between(rng, 8, 10), 1.2
    height, color, glass = between(rng, 3.3, 3.6), pick(rng), pick(rng, GLASS, 8)
    lower = pick(rng)
    offsets = (np.arange(cars) - (cars - 1) / 2) * (each + 0.6)
    depth = [stage.camera.depth(place.world([(0, 1, z)])[0]) for z in offsets]
    total = cars * (each + 0.6)
    _ground_shadow(stage, place, total, 2 * half)
    stage.solid(place, box(total - 1.2, 1.9, 0.4, height - 0.2, (45, 45, 45)), label)
    for index in np.argsort(depth)[::-1]:
        z, first, last = offsets[index], index == 0, index == cars - 1
        back, front = z - each / 2, z + each / 2
        # the outer ends lean back: a tram's nose tapers where a bus's is upright
        profile = [(back, 0.2), (front, 0.2), (front, 1.3), (front - 1.3 * last, height),
                   (back + 1.3 * first, height), (back, 1.3)]
        body = [(points, normal, glass if 0.1 < normal[1] < 0.95 else paint)
                for points, normal, paint in prism(profile, -half, half, color)]
        details = side_panels(rectangle(back, front, 0.2, 1.2), half, lower)
        edges = np.linspace(back + 0.5 + 1.0 * first, front - 0.5 - 1.0 * last, 5)
        for z0, z1 in itertools.pairwise(edges):
            details += side_panels(rectangle(z0 + 0.1, z1 - 0.1, 1.45, height - 0.8), half, glass)
        details += side_panels(rectangle(back, front, height - 0.35, height), half,
                               darker(color, 0.7))
        details += _lamps(half, front if last else -back, 0.7, 0.25)
        stage.solid(place, body, label, details)
    arm = place.world([(0, height, -0.6), (0, height + 0.8, 0.5), (0, height + 1.3, -0.4)])
    stage.line(arm, 0.12, (50, 50, 55), label)
    stage.line(place.world([(-0.9, height + 1.3, -0.4), (0.9, height + 1.3, -0.4)]), 0.14,
               (60, 60, 60), label)
