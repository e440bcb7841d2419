"""Makes solids of polygons: boxes, prisms and their panels."""
import numpy as np

#: Directions of a body's own.
RIGHT, LEFT = np.array([1.0, 0, 0]), np.array([-1.0, 0, 0])
FRONT, BACK = np.array([0, 0, 1.0]), np.array([0, 0, -1.0])


def prism(profile, left, right, color, top=None):
    """Return the faces of a side view swept across a body.

    Args:
        profile (list): Corners (z, y) in metres, counter-clockwise with z to the right, y up.
        left (float): Where the sweep begins, x in metres.
        right (float): Where it ends.
        color: Colour of all faces.
        top: Colour of faces that look up, where it differs.

    Returns:
        list: (points (N, 3), outward normal (3,), colour) of each face.
    """
    profile = np.asarray(profile, np.float64)
    side = [np.column_stack([np.full(len(profile), x), profile[:, 1], profile[:, 0]])
            for x in (left, right)]
    faces = [(side[0], np.array([-1.0, 0, 0]), color), (side[1], np.array([1.0, 0, 0]), color)]
    for here, there in zip(range(len(profile)), np.roll(range(len(profile)), -1), strict=True):
        along = profile[there] - profile[here]
        length = np.linalg.norm(along)
        if length < 1e-9:
            continue
        normal = np.array([0.0, -along[0], along[1]]) / length
        points = np.array([side[0][here], side[0][there], side[1][there], side[1][here]])
        faces.append((points, normal, top if top is not None and normal[1] > 0.8 else color))
    return faces


def box(length, width, bottom, top, color, z=0.0, roof=None):
    """Return the faces of a box: ``length`` along z about ``z``, ``width`` along x, metres."""
    back, front = z - length / 2, z + length / 2
    profile = [(back, bottom), (front, bottom), (front, top), (back, top)]
    return prism(profile, -width / 2, width / 2, color, roof)


def cuboid(x, y, z, color):
    """Return the faces of a box from its ranges (low, high) along x, y and z in metres."""
    return prism(rectangle(*z, *y), *x, color)


def rectangle(left, right, low, high):
    """Return corners (4, 2) of an upright rectangle, counter-clockwise."""
    return np.array([(left, low), (right, low), (right, high), (left, high)], np.float64)


def side_panels(corners, half, color):
    """Return a panel of corners (z, y) on both long sides of a body ``2 * half`` wide, as details.
    """
    corners = np.asarray(corners, np.float64)
    panels = []
    for normal in (LEFT, RIGHT):
        x = np.full(len(corners), normal[0] * (half + 0.01))
        panels.append((np.column_stack([x, corners[:, 1], corners[:, 0]]), normal, color))
    return panels


def end_panel(left, right, low, high, z, normal, color):
    """Return a panel on the ``FRONT`` or ``BACK`` end of a body at ``z``, as a detail."""
    corners = rectangle(left, right, low, high)
    return np.column_stack([corners, np.full(4, z + 0.01 * normal[2])]), normal, color
