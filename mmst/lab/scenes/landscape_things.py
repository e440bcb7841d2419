"""Draws single things of landscapes: houses, boats, animals, towers."""
import numpy as np

from .drawing import FOLIAGE, between, darker, pick
from .solids import FRONT, cuboid, end_panel, prism

STONE = np.array([(110, 110, 110), (90, 95, 105), (130, 125, 115), (100, 115, 135)], float)


def draw_house(stage, rng, place, name):
    """Draw a small house with a gable roof, door and windows."""
    wide, deep, high = between(rng, 5, 8), between(rng, 5, 8), between(rng, 2.6, 4.5)
    color, roof, pane = pick(rng), pick(rng), darker(pick(rng), 0.5)
    ridge = high + between(rng, 1.5, 3)
    profile = [(-deep / 2, 0), (deep / 2, 0), (deep / 2, high), (0, ridge), (-deep / 2, high)]
    faces = [(points, normal, roof if abs(normal[0]) < .5 and normal[1] > 0.2 else paint)
             for points, normal, paint in prism(profile, -wide / 2, wide / 2, color)]
    details = [end_panel(-.5, .5, 0, 2.0, deep / 2, FRONT, pick(rng))]
    for x in (-wide / 3, wide / 3):
        details.append(end_panel(x - .55, x + .55, 1.0, 2.2, deep / 2, FRONT, pane))
    for side in (-1, 1):
        x, z = side * (wide / 2 + .01), np.array([-.6, .6, .6, -.6])
        for shift in (-deep / 4, deep / 4):
            panel = np.column_stack([np.full(4, x), [1.0, 1.0, 2.2, 2.2], z + shift])
            details.append((panel, np.array([side, 0, 0.0]), pane))
    stage.solid(place, faces, name('house'), details)


def draw_rock(stage, rng, x, z, name):
    size, color = between(rng, 0.4, 1.3), pick(rng, STONE)
    angle = np.linspace(0, np.pi, 7)
    radius = size * rng.uniform(0.75, 1.2, 7)
    outline = np.column_stack([x + 1.3 * radius * np.cos(angle), radius * np.sin(angle),
                               np.full(7, z)])
    stage.face(outline, color, name('rock'))
    stage.face(outline[3:], darker(color, 0.75), name('rock'))


def draw_palm(stage, rng, x, z, name):
    high, green = between(rng, 3.5, 5.5), pick(rng, FOLIAGE)
    top = np.array([x + between(rng, -.8, .8), high, z])
    stage.line([(x, 0, z), (x + .1, high / 2, z), top], 0.28, pick(rng, FOLIAGE[3:5]) * .8,
               name('palm'))
    for angle in np.linspace(-0.4, np.pi + 0.4, 9):
        reach = between(rng, 1.3, 2.0)
        middle = top + reach * .6 * np.array([np.cos(angle), np.sin(angle) * .8 + .25, 0])
        tip = top + reach * np.array([np.cos(angle), np.sin(angle) * .4 - .25, 0])
        stage.line([top, middle, tip], 0.24, darker(green, between(rng, .75, 1.25)), name('palm'))


def draw_boat(stage, rng, x, z, name):
    color, size = pick(rng), between(rng, 1.5, 3.0)
    hull = np.array([(-1, .5, 0), (-.7, 0, 0), (.7, 0, 0), (1.1, .55, 0)]) * size
    stage.face(hull + np.array((x, 0, z)), color, name('boat'))
    stage.line([(x, .5 * size, z), (x, 2.3 * size, z)], .12, (80, 90, 100), name('boat'))
    sail = np.array([(.08, .65, 0), (.9, .65, 0), (.08, 2.2, 0)]) * size
    stage.face(sail + np.array((x, 0, z)), darker(pick(rng), 1.3), name('boat'))
    stage.face(sail * (-.7, .9, 1) + (x, 0, z), darker(pick(rng), 1.2), name('boat'))


def draw_animal(stage, rng, place, name):
    """Draw a four-legged grazer: barrel, neck, head, legs and tail."""
    color, size = pick(rng), between(rng, 0.8, 1.3)

    def line(points, width):
        stage.line(place.world(np.array(points) * size), width * size, color, name('animal'))

    for z in (-.55, -.45, .45, .55):
        line([(.12 * np.sign(z), .8, z), (.12 * np.sign(z), 0, z + .05)], .14)
    line([(0, .95, -.5), (0, .95, .5)], .55)
    head = between(rng, .3, 1.5)
    line([(0, 1.05, .6), (0, head, 1.05)], .28)
    line([(0, head, 1.0), (0, head - .12, 1.35)], .24)
    line([(0, 1.1, -.72), (0, .6, -.85)], .07)


def draw_bench(stage, rng, place, name):
    color, label = pick(rng), name('bench')
    for x in (-.75, .75):
        stage.solid(place, cuboid((x - .06, x + .06), (0, .85), (-.05, .05), (70, 70, 72)), label)
        stage.solid(place, cuboid((x - .06, x + .06), (0, .42), (.4, .5), (70, 70, 72)), label)
    stage.solid(place, cuboid((-.95, .95), (.4, .48), (0, .5), color), label)
    for low in (.56, .74):
        stage.solid(place, cuboid((-.95, .95), (low, low + .13), (-.06, 0), color), label)


def draw_airplane(stage, rng, name):
    """Draw an airplane high above the far end."""
    x, y, size = between(rng, -14, 14), between(rng, 12, 20), between(rng, 4.5, 7.0)
    color, side = pick(rng), rng.choice([-1, 1])
    shapes = [[(-1, 0), (-.9, .14), (.8, .14), (1, .02), (.8, -.1), (-.8, -.08)],
              [(-1, .1), (-1.1, .5), (-.9, .5), (-.7, .12)],
              [(-.1, 0), (.3, 0), (-.3, -.5), (-.5, -.5)]]
    for shape, light in zip(shapes, (1, .85, .8), strict=True):
        flat = np.array(shape) * size * (side, 1)
        stage.face(np.column_stack([x + flat[:, 0], y + flat[:, 1], np.full(len(flat), 50.0)]),
                   darker(color, light), name('airplane'))


def draw_tower(stage, rng, x, z, name):
    """Draw a slender round tower with a pointed top."""
    high, color = between(rng, 14, 22), pick(rng)
    outline = np.array([(-1.6, 0), (1.6, 0), (1.3, high), (1.7, high), (1.7, high + 1),
                        (0, high + 5), (-1.7, high + 1), (-1.7, high), (-1.3, high)])
    stage.face(np.column_stack([x + outline[:, 0], outline[:, 1], np.full(9, z)]), color,
               name('tower'))
    for y in np.arange(3, high - 1, 3.5):
        stage.line([(x, y, z), (x, y + 1, z)], .6, darker(color, .5), name('tower'))


def draw_flag(stage, rng, x, z, name):
    high = between(rng, 5, 7)
    stage.line([(x, 0, z), (x, high, z)], .12, (120, 120, 120), name('flag'))
    wave = np.linspace(0, 1.8, 6)
    sway = .12 * np.sin(wave * 4)
    upper = np.column_stack([x + wave, high + sway, np.full(6, z)])
    stage.face(np.vstack([upper, upper[::-1] - (0, 1.2, 0)]), pick(rng), name('flag'))
    stage.face(np.vstack([upper - (0, .4, 0), upper[::-1] - (0, .8, 0)]), pick(rng), name('flag'))


def draw_flowers(stage, rng, x, z, name):
    spots = np.column_stack([x + rng.normal(0, .8, 16), rng.uniform(.2, .45, 16),
                             z + rng.normal(0, .5, 16)])
    for spot in spots:
        stage.line([spot * (1, 0, 1), spot], .04, (60, 110, 60), name('flower'))
    stage.discs(spots, [.14] * 16, [pick(rng) for _ in spots], name('flower'))
