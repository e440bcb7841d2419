"""Places vehicles, walkers and furniture on a street."""
import numpy as np

from .drawing import between
from .riders import draw_bicycle, draw_motorcycle, draw_person
from .space import Place, Things
from .street_classes import (
    BICYCLE,
    BUS,
    CAR,
    LIGHT,
    MOTORCYCLE,
    PERSON,
    POLE,
    RIDER,
    SIGN,
    STATIC,
    TRAIN,
    TRUCK,
    VEGETATION,
)
from .street_sides import draw_bin, draw_guide_sign, draw_light, draw_pole, draw_sign, draw_tree
from .vehicles import draw_bus, draw_car, draw_tram, draw_truck


def _spots(rng, low, high, count, apart=4.0):
    """Return distances in metres, at least ``apart``, as many as fit of ``count``."""
    spots = []
    for z in rng.uniform(low, high, 4 * count):
        if len(spots) < count and all(abs(z - other) > apart for other in spots):
            spots.append(float(z))
    return spots


def traffic(stage, rng, index, half, rail):
    """Return vehicles of this image: (distance, draw) pairs."""
    items, lanes = [], (-0.5 * half, 0.5 * half)
    big = (BUS, TRUCK, TRAIN)[index % 3]
    draw = {BUS: draw_bus, TRUCK: draw_truck, TRAIN: draw_tram}
    crossing = rng.random() < (0.5 if big == TRAIN else 0.3)
    z = between(rng, 17, 26) if crossing else between(rng, 10, 20) + 4 * (big == TRAIN)
    heading = rng.choice([-1, 1]) * np.pi / 2 if crossing else rng.choice([0, np.pi])
    lane = int(rng.integers(2))
    x = rail if big == TRAIN else lanes[lane]
    if crossing:
        x = between(rng, -5, 5)
    else:  # its middle lies half its length further off
        z += {BUS: 3.0, TRUCK: 2.0, TRAIN: 9.0}[big]
    place = Place(x, z, heading + rng.normal(0, 0.04))
    items.append((z, lambda: draw[big](stage, rng, place, big)))
    if rng.random() < 0.3:
        other = (BUS, TRUCK)[int(rng.integers(2))]
        there = Place(lanes[1 - lane], between(rng, 22, 40), rng.choice([0, np.pi]))
        items.append((there.z, lambda: draw[other](stage, rng, there, other)))
    for side in (-1, 1):  # parked and driving cars
        for z in _spots(rng, 7, 40, int(rng.integers(0, 4)), 6.0):
            parked = rng.random() < 0.6
            x = side * (half - 1.0) if parked else side * 0.4 * half
            if not parked and abs(x - place.x) < 2.6 and abs(z - place.z) < 11:
                continue
            spot = Place(x, z, rng.choice([0, np.pi]) + rng.normal(0, 0.05))
            items.append((z, lambda spot=spot: draw_car(stage, rng, spot, CAR)))
    if rng.random() < 0.3:
        spot = Place(between(rng, -6, 6), between(rng, 9, 16), np.pi / 2 + rng.normal(0, 0.3))
        items.append((spot.z, lambda: draw_car(stage, rng, spot, CAR)))
    return items


def walkers(stage, rng, index, half, walk):
    """Return people, cyclists and parked two-wheelers: (distance, draw) pairs."""
    items, turn = [], 2 * np.pi
    for z in _spots(rng, 5.5, 14, int(rng.integers(3, 6)), 0.8):
        side = rng.choice([-1, 1])
        x = side * (half + between(rng, 0.1, 0.9) * walk)
        if rng.random() < 0.25:
            x = between(rng, -half, half)
        kind = rng.choice(['stand', 'walk', 'walk', 'run', 'reach'])
        spot = Place(x, z, between(rng, 0, turn))
        items.append((z, lambda spot=spot, kind=kind: draw_person(stage, rng, spot, PERSON, kind)))
    for number, draw, label in ((0, draw_bicycle, BICYCLE), (1, draw_motorcycle, MOTORCYCLE)):
        ridden = 1 + int(rng.random() < 0.4) if (index + number) % 2 else int(rng.random() < 0.5)
        for z in _spots(rng, 5.5, 11, ridden, 2.0):
            x = rng.choice([-1, 1]) * between(rng, 0.2, 0.95) * half
            spot = Place(x, z, between(rng, 0, turn))
            items.append((z, lambda spot=spot, draw=draw, label=label: draw(
                stage, rng, spot, label, RIDER)))
        if rng.random() < 0.45:  # a parked one
            x = rng.choice([-1, 1]) * (half + between(rng, 0.0, 0.8) * walk)
            spot = Place(x, between(rng, 6, 11), between(rng, 0, turn))
            items.append((spot.z, lambda spot=spot, draw=draw, label=label: draw(
                stage, rng, spot, label)))
    return items


def street_furniture(stage, rng, half, walk):
    """Return poles, signs, lights, trees and bins along both kerbs: (distance, draw) pairs."""
    items = Things(stage, rng)
    add = items.add
    for side in (-1, 1):
        for z in _spots(rng, 8, 40, 2, 6.0):
            add(z, draw_pole, side, side * (half + 0.4), z, POLE)
        for z in _spots(rng, 7, 15, int(rng.integers(1, 3)), 2.0):
            add(z, draw_sign, side * (half + between(rng, 0.2, 0.9) * walk), z, SIGN, POLE)
        if rng.random() < 0.7:
            z = between(rng, 7.5, 15)
            arm = -side * between(rng, 2, 4) if rng.random() < 0.35 else 0.0
            add(z, draw_light, side * (half + between(rng, 0.2, 0.8)), z, LIGHT, POLE, arm)
        if rng.random() < 0.2:
            z = between(rng, 10, 18)
            add(z, draw_guide_sign, side, side * (half + 0.7 * walk), z, SIGN, POLE)
        for z in _spots(rng, 10, 45, int(rng.integers(0, 3)), 6.0):
            add(z, draw_tree, side * (half + 0.6 * walk), z, VEGETATION, rng.random() < 0.4)
        if rng.random() < 0.2:
            z = between(rng, 8, 20)
            add(z, draw_bin, side * (half + 0.5 * walk), z, STATIC)
    return items
