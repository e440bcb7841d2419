"""Draws bedrooms, living rooms, offices, bathrooms and kitchens."""
import itertools

import numpy as np

from .drawing import between, darker, pick
from .furniture import FREE, PIECES, chandelier, facing
from .riders import draw_person
from .space import Camera, Place, Stage

#: By kind of room: pieces that must stand at a wall, that may, and that may stand free.
ROOMS = (
    dict(must=('bed',), may=('wardrobe', 'drawers', 'lamp', 'bookcase', 'chair', 'plant'),
         free=('armchair', 'chair'), hung=('window', 'painting', 'mirror', 'door')),
    dict(must=('sofa',), may=('bookcase', 'lamp', 'plant', 'cabinet', 'armchair'),
         free=('coffee', 'coffee', 'armchair'), hung=('window', 'painting', 'television', 'clock')),
    dict(must=('desk',), may=('bookcase', 'cabinet', 'plant', 'desk', 'drawers'),
         free=('swivel', 'swivel', 'chair'), hung=('window', 'clock', 'painting', 'door')),
    dict(must=('bathtub', 'toilet'), may=('sink', 'toilet', 'cabinet', 'sink'),
         free=('plant',), hung=('window', 'mirror', 'door', 'mirror')),
    dict(must=('refrigerator', 'stove'), may=('cabinet', 'sink', 'stove', 'cabinet'),
         free=('table', 'table', 'chair'), hung=('window', 'clock', 'door', 'painting')))


class Room:
    """Is a room open to the camera.

    Args:
        wide (float): Width in metres, x from -wide / 2.
        deep (float): Distance of the back wall in metres.
        high (float): Height of the ceiling in metres.
    """

    def __init__(self, wide, deep, high):
        self.wide, self.deep, self.high = wide, deep, high

    def panel(self, wall, left, right, low, high, off=0.02):
        """Return corners (4, 3) of a rectangle on a wall: ``back`` (along x), ``left`` or
        ``right``.
        """
        along = np.array([left, right, right, left])
        rise = np.array([low, low, high, high])
        if wall == 'back':
            return np.column_stack([along, rise, np.full(4, self.deep - off)])
        x = (self.wide / 2 - off) * (-1 if wall == 'left' else 1)
        return np.column_stack([np.full(4, x), rise, along])

    def span(self, wall):
        """Return where the visible part of a wall begins and ends along its own direction."""
        half = self.wide / 2
        return (-half, half) if wall == 'back' else (0.45 * self.deep, self.deep)

    def place(self, wall, along):
        """Return the place of a piece with its back to a wall."""
        if wall == 'back':
            return Place(along, self.deep, np.pi)
        side = -1 if wall == 'left' else 1
        return Place(side * self.wide / 2, along, -side * np.pi / 2)


def draw_shell(stage, rng, room, name):
    """Draw floor, ceiling and three walls, with boards or tiles on the floor."""
    half, color = room.wide / 2, pick(rng)
    flat = np.array([(-half, 0, 0.5), (half, 0, 0.5), (half, 0, room.deep), (-half, 0, room.deep)])
    floor = pick(rng)
    stage.face(flat, floor, name('floor'), (0, 1, 0))
    joint = darker(floor, 0.8)
    gap = between(rng, 0.25, 0.7)
    stage.lines([[(x, 0, 1.0), (x, 0, room.deep)] for x in np.arange(-half, half, gap)], 0.02,
                joint)
    if rng.random() < 0.5:
        stage.lines([[(-half, 0, z), (half, 0, z)] for z in np.arange(1, room.deep, gap)], 0.02,
                    joint)
    stage.face(flat + np.array((0, room.high, 0)), darker(pick(rng), 1.25), name('ceiling'))
    normals = dict(back=(0, 0, -1), left=(1, 0, 0), right=(-1, 0, 0))
    for wall, normal in normals.items():
        span = (-half, half) if wall == 'back' else (0.5, room.deep)
        stage.face(room.panel(wall, *span, 0, room.high, 0), color, name('wall'), normal)
        stage.face(room.panel(wall, *span, 0, 0.1), darker(color, 0.7), name('wall'), normal)


def draw_window(stage, rng, room, wall, middle, name):
    """Draw panes in a frame, often between two curtains of vertical folds."""
    half, low, top = between(rng, 0.45, 0.75), 0.95, between(rng, 2.0, 2.25)
    frame = darker(pick(rng), 1.3)
    stage.face(room.panel(wall, middle - half, middle + half, low, top), frame,
               name('windowpane'))
    sky = np.array([200, 180, 150]) + rng.normal(0, 25, 3)
    for left, right in ((-half + .06, -.03), (.03, half - .06)):
        for y0, y1 in ((low + .06, (low + top) / 2 - .03), ((low + top) / 2 + .03, top - .06)):
            stage.face(room.panel(wall, middle + left, middle + right, y0, y1), sky,
                       name('windowpane'))
    if rng.random() < 0.65:
        color, wide = pick(rng), between(rng, 0.25, 0.45)
        for start in (middle - half - wide * 0.6, middle + half - wide * 0.4):
            folds = np.linspace(start, start + wide, 6)
            for index, (left, right) in enumerate(itertools.pairwise(folds)):
                stage.face(room.panel(wall, left, right, 0.15, top + .2, 0.06),
                           darker(color, (1.15, 0.8)[index % 2]), name('curtain'))


def _draw_framed(stage, rng, room, wall, middle, name, kind):
    """Draw a painting, a mirror or a television: a frame and its inside."""
    half, low = between(rng, 0.3, 0.6), between(rng, 1.25, 1.4)
    top = low + (between(rng, 0.8, 1.0) if kind == 'mirror' else half * between(rng, 0.9, 1.4))
    edge, color = 0.06, pick(rng)
    label = name('television receiver' if kind == 'television' else kind)
    frame = (35, 35, 38) if kind == 'television' else pick(rng)
    stage.face(room.panel(wall, middle - half, middle + half, low, top), frame, label)
    inner = room.panel(wall, middle - half + edge, middle + half - edge, low + edge, top - edge)
    stage.face(inner, color, label)
    if kind == 'painting':  # blots
        centre = inner.mean(0)
        spread = (inner.max(0) - inner.min(0)) * 0.3
        spots = centre + rng.uniform(-1, 1, (5, 3)) * spread
        stage.discs(spots, rng.uniform(.06, .14, 5), [pick(rng) for _ in range(5)], label)
    elif kind == 'mirror':  # slanting gleams
        for share in (0.3, 0.55):
            line = [inner[0] + share * (inner[1] - inner[0]),
                    inner[3] + (share + .25) * (inner[2] - inner[3])]
            stage.line(line, 0.06, darker(color, 1.4), label)


def _clock(stage, rng, room, wall, middle, name):
    spot = room.panel(wall, middle, middle, 2.0, 2.0)[0]
    stage.discs([spot, spot], [0.24, 0.19], [pick(rng), (225, 230, 230)], name('clock'))
    for length, angle in ((0.12, between(rng, 0, 6.3)), (0.17, between(rng, 0, 6.3))):
        tip = spot + length * np.array([np.sin(angle), np.cos(angle), 0])
        stage.line([spot, tip], 0.03, (30, 30, 30), name('clock'))


def _door(stage, rng, room, wall, middle, name):
    color = pick(rng)
    stage.face(room.panel(wall, middle - .48, middle + .48, 0, 2.1), darker(color, 0.7),
               name('door'))
    stage.face(room.panel(wall, middle - .42, middle + .42, 0, 2.04), color, name('door'))
    for y0, y1 in ((.2, .9), (1.1, 1.9)):
        stage.face(room.panel(wall, middle - .3, middle + .3, y0, y1), darker(color, 0.85),
                   name('door'))
    stage.line(room.panel(wall, middle + .28, middle + .38, 1.0, 1.0)[:2], .05, (60, 60, 60),
               name('door'))


def _hang(stage, rng, room, wall, middle, name, kind):
    if kind == 'window':
        draw_window(stage, rng, room, wall, middle, name)
    elif kind == 'clock':
        _clock(stage, rng, room, wall, middle, name)
    elif kind == 'door':
        _door(stage, rng, room, wall, middle, name)
    else:
        _draw_framed(stage, rng, room, wall, middle, name, kind)


def _pieces(stage, rng, room, kind, name):
    """Return the room's furniture: (distance, draw) pairs; each wall is filled from one end."""
    items, wanted = [], list(kind['must'])
    wanted += list(rng.permutation(kind['may']))
    walls = {wall: room.span(wall)[0] + between(rng, 0, 0.3) for wall in ('back', 'left', 'right')}
    for piece in wanted:
        draw, wide = PIECES[piece]
        fits = [wall for wall in walls if walls[wall] + wide < room.span(wall)[1]]
        if not fits:
            continue
        wall = str(rng.choice(fits))
        along = walls[wall] + wide / 2
        walls[wall] += wide + between(rng, 0.05, 0.4)
        place = room.place(wall, along)
        items.append((place.z, lambda draw=draw, place=place: draw(stage, rng, place, name)))
    for piece in rng.permutation(kind['free'])[:int(rng.integers(1, 3))]:
        spot = Place(between(rng, -0.25, 0.25) * room.wide, between(rng, 0.5, 0.72) * room.deep)
        place = facing(spot, between(rng, -1, 1), 0.0)
        items.append((place.z, lambda draw=FREE[str(piece)], place=place:
                      draw(stage, rng, place, name)))
    if rng.random() < 0.3:
        spot = Place(between(rng, -0.3, 0.3) * room.wide, between(rng, 0.55, 0.85) * room.deep,
                     between(rng, 0, 6.3))
        items.append((spot.z, lambda: draw_person(stage, rng, spot, name('person'))))
    return items


def enter_room(canvas, rng, name):
    """Draw an empty room of any size, seen by a camera that stands in it.

    Returns:
        tuple: :class:`Stage` and :class:`Room`.
    """
    room = Room(between(rng, 3.6, 5.2), between(rng, 4.0, 5.5), between(rng, 2.5, 3.0))
    camera = Camera(
        focal=0.85 * max(canvas.width, canvas.height),
        centre=canvas.width * between(rng, 0.4, 0.6),
        horizon=canvas.height * between(rng, 0.42, 0.52),
        height=between(rng, 1.3, 1.7),
        yaw=between(rng, -0.15, 0.15),
        across=between(rng, -0.5, 0.5))
    stage = Stage(canvas, camera, (120, 120, 120), 60.0, between(rng, 0.3, 0.6))
    draw_shell(stage, rng, room, name)
    return stage, room


def draw_room(canvas, rng, index, name):
    """Draw a room on a canvas.

    Args:
        canvas (Canvas): The image to draw on.
        rng (numpy.random.Generator): Source of chance.
        index (int): Kinds of rooms take turns over it.
        name (Callable): The label of a class' name.
    """
    kind = ROOMS[index % len(ROOMS)]
    stage, room = enter_room(canvas, rng, name)
    for wall, part in (('back', 0.25), ('back', 0.75), ('left', 0.5), ('right', 0.5)):
        low, high = room.span(wall)
        middle = low + (high - low) * (part + between(rng, -0.04, 0.04))
        _hang(stage, rng, room, wall, middle, name, str(rng.choice(kind['hung'])))
    if rng.random() < 0.5:
        half, z = between(rng, 0.6, 1.1), between(rng, 0.5, 0.65) * room.deep
        rug, color = np.array([(-half, 0, z - .7), (half, 0, z - .7), (half, 0, z + .7),
                               (-half, 0, z + .7)]), pick(rng)
        stage.face(rug, color, name('rug'))
        stage.face((rug - (0, 0, z)) * 0.8 + (0, 0, z), darker(color, 1.3), name('rug'))
    items = _pieces(stage, rng, room, kind, name)
    for _, draw in sorted(items, key=lambda item: -item[0]):
        draw()
    if rng.random() < 0.35:
        chandelier(stage, rng, between(rng, -.6, .6), between(rng, .5, .8) * room.deep, room.high,
                   name)
