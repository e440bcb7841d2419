"""Draws the pieces of a bathroom."""
import numpy as np

from .assemble import assemble
from .drawing import PAINT, between, darker, pick
from .solids import cuboid


def bathtub(stage, rng, place, name):
    """Draw a low tub with a bright rim and a dark inside."""
    wide, color = between(rng, 1.5, 1.8), darker(pick(rng, PAINT[3:5]), 1.0)
    stage.solid(place, cuboid((-wide / 2, wide / 2), (0, .56), (0, .75), color), name('bathtub'))
    inside = np.array([(-wide / 2 + .1, .56, .1), (wide / 2 - .1, .56, .1),
                       (wide / 2 - .1, .56, .65), (-wide / 2 + .1, .56, .65)])
    stage.face(place.world(inside), darker(color, 0.75), name('bathtub'))


def toilet(stage, rng, place, name):
    """Draw a cistern at the wall, a bowl and a seat before it."""
    color = pick(rng, PAINT[3:5], 15)
    parts = [(cuboid((-.2, .2), (.4, .85), (0, .2), color), [], name('toilet')),
             (cuboid((-.13, .13), (0, .38), (.12, .5), darker(color, 0.9)), [], name('toilet')),
             (cuboid((-.2, .2), (.34, .44), (.18, .66), color), [], name('toilet'))]
    assemble(stage, place, parts)


def sink(stage, rng, place, name):
    """Draw a basin on a column with a tap."""
    color = pick(rng, PAINT[3:5], 15)
    parts = [(cuboid((-.09, .09), (0, .7), (.1, .3), darker(color, 0.9)), [], name('sink')),
             (cuboid((-.32, .32), (.68, .86), (0, .45), color), [], name('sink'))]
    assemble(stage, place, parts)
    stage.line(place.world([(0, .86, .06), (0, 1.02, .08), (0, 1.0, .2)]), .04, (120, 120, 120),
               name('sink'))
