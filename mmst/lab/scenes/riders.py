"""Draws persons, cyclists and motorcyclists."""
import numpy as np

from .drawing import between, pick
from .figures import Outfit, draw_figure, pose
from .solids import prism, rectangle, side_panels


def _wheel_plane(place, z, radius, count=16):
    angle = np.linspace(0, 2 * np.pi, count + 1)[:-1]
    return place.world(np.column_stack(
        [np.zeros(count), radius + radius * np.sin(angle), z + radius * np.cos(angle)]))


def draw_bicycle(stage, rng, place, label, person=None):
    """Draw two thin spoked wheels and a frame of tubes; ``person`` is the rider's label, if any."""
    color, tyre, radius, base = pick(rng), (45, 45, 45), 0.36, between(rng, 0.5, 0.56)
    for z in (-base, base):
        wheel = _wheel_plane(place, z, radius)
        flat = stage.camera.project(wheel)
        if len(flat) >= 3:
            stage.canvas.polygon(flat, None, label)
            stage.canvas.veil(flat, (90, 90, 90), 0.3)
        stage.line(wheel, 0.075, tyre, label, closed=True)
    crank, saddle, bars = (0, 0.33, -0.05), (0, 0.92, -0.25), (0, 1.0, base - 0.15)
    tubes = [[(0, radius, -base), crank, (0, 0.8, base - 0.2), (0, 0.75, -0.2),
              (0, radius, -base)], [crank, saddle], [(0, radius, base), bars]]
    for tube in tubes:
        stage.line(place.world(tube), 0.07, color, label)
    stage.face(place.world([crank, (0, 0.8, base - 0.2), (0, 0.75, -0.2)]), None, label)
    stage.line(place.world([(-0.28, 1.04, base - 0.2), (0.28, 1.04, base - 0.2)]), 0.06,
               (50, 50, 50), label)
    stage.line(place.world([(0, 0.94, -0.36), (0, 0.94, -0.14)]), 0.12, (40, 40, 45), label)
    if person is not None:
        draw_person(stage, rng, place, person, 'ride')


def draw_motorcycle(stage, rng, place, label, person=None):
    """Draw two fat wheels with a tank, an engine and a seat between them."""
    color, radius, base = pick(rng), 0.33, between(rng, 0.66, 0.74)
    for z in (-base, base):
        wheel = _wheel_plane(place, z, radius)
        stage.face(wheel, (70, 70, 72), label)
        stage.line(wheel, 0.2, (38, 38, 38), label, closed=True)
    engine = [(-0.4, 0.25), (0.4, 0.25), (0.45, 0.6), (-0.45, 0.6)]
    tank = [(-0.95, 0.8), (-0.45, 0.58), (0.5, 0.58), (0.62, 0.95), (0.15, 1.05), (-0.2, 0.85),
            (-0.75, 0.86)]
    stage.solid(place, prism(engine, -0.2, 0.2, (85, 85, 90)), label)
    stage.solid(place, prism(tank, -0.19, 0.19, color), label,
                side_panels(rectangle(-0.75, -0.2, 0.8, 0.88), 0.19, (35, 35, 38)))
    stage.line(place.world([(0, radius, base), (0, 1.05, base - 0.28)]), 0.12, (110, 110, 115),
               label)
    stage.line(place.world([(-0.38, 1.1, 0.4), (0.38, 1.1, 0.4)]), 0.09, (45, 45, 45), label)
    stage.discs(place.world([(0, 0.92, base - 0.1)]), [0.13], [(205, 215, 220)], label)
    if person is not None:
        draw_person(stage, rng, place, person, 'ride')


def draw_person(stage, rng, place, label, kind='stand'):
    """Draw a person of 1.45 to 1.9 m in a pose of :data:`~mmst.lab.scenes.figures.KINDS`."""
    tall = between(rng, 1.6, 1.9) if kind == 'ride' or rng.random() < 0.8 else 1.45
    points = pose(rng, kind, tall)
    if kind == 'ride':
        points[:, 2] -= 0.2  # over the saddle
    world = place.world(points)
    seen = stage.camera.to_camera(world)
    unit = tall * stage.unit(world.mean(0))
    if kind != 'ride':
        spot = place.world([(-0.3, 0, -0.15), (0.3, 0, -0.15), (0.4, 0, 0.2), (-0.2, 0, 0.2)])
        stage.shadow(spot)
    draw_figure(stage.canvas, stage.camera.flat(seen), seen[:, 2], unit, Outfit.draw(rng),
                [label] * 10)
