"""Draws solids in the perspective of a pinhole camera over a flat ground.

World coordinates are metres: x to the right, y up, z away from the camera. An object's own
coordinates are the same, turned by its heading: z is where it faces, x its right-hand side.
"""
import math
from dataclasses import dataclass

import numpy as np

NEAR = 0.8
#: Where the sun stands, a unit vector; faces turned from it are darker.
SUN = np.array([-0.5, 0.7, -0.5]) / np.linalg.norm([-0.5, 0.7, -0.5])


class Camera:
    """Says where the camera looks from and to.

    Args:
        focal (float): Focal length in pixels.
        centre (float): Column of the optical axis in pixels.
        horizon (float): Row of the horizon in pixels.
        height (float): Height above the ground in metres.
        yaw (float): Turn to the right in radians; moves the vanishing point. Defaults to 0.
        across (float): Where it stands, x in metres. Defaults to 0.
    """

    def __init__(self, focal, centre, horizon, height, yaw=0.0, across=0.0):
        self.focal, self.centre, self.horizon = focal, centre, horizon
        self.origin = np.array([across, height, 0.0])
        cos, sin = np.cos(yaw), np.sin(yaw)
        self._turn = np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])

    def to_camera(self, points):
        """Turn world points (N, 3) into camera axes (right, up, away), (N, 3)."""
        return (np.asarray(points, np.float64) - self.origin) @ self._turn

    def flat(self, seen):
        """Project camera axes (N, 3), away > 0, to pixels (N, 2)."""
        scale = self.focal / seen[:, 2:]
        return seen[:, :2] * scale * (1, -1) + (self.centre, self.horizon)

    def outline(self, seen):
        """Project a polygon in camera axes (N, 3) to pixels (M, 2), cut at the near plane.

        M is 0 when all of it lies behind the camera.
        """
        if seen[:, 2].min() > NEAR:
            return self.flat(seen)
        kept = []
        for here, there in zip(seen, np.roll(seen, -1, 0), strict=True):
            if here[2] > NEAR:
                kept.append(here)
            if (here[2] > NEAR) != (there[2] > NEAR):
                share = (NEAR - here[2]) / (there[2] - here[2])
                kept.append(here + share * (there - here))
        return self.flat(np.array(kept)) if kept else np.zeros((0, 2))

    def project(self, points):
        """Project a world polygon (N, 3) to pixels (M, 2), see :meth:`outline`."""
        return self.outline(self.to_camera(points))

    def depth(self, point):
        """Return the distance (metres, along the axis) of a world point (3,)."""
        return float(self.to_camera([point])[0, 2])


@dataclass(frozen=True)
class Place:
    """Says where an object stands: ``x``, ``z`` in metres and its ``heading`` in radians.

    Heading 0 faces away from the camera, pi faces it, pi/2 faces right.
    """
    x: float
    z: float
    heading: float = 0.0

    def to_world(self, vectors):
        """Return an object's own directions (N, 3) in the world."""
        cos, sin = np.cos(self.heading), np.sin(self.heading)
        return np.asarray(vectors, np.float64) @ np.array([[cos, 0, -sin], [0, 1, 0],
                                                           [sin, 0, cos]])

    def world(self, points):
        """Turn an object's own coordinates (N, 3) into world coordinates (N, 3)."""
        return self.to_world(points) + np.array((self.x, 0.0, self.z))


class Stage:
    """Draws world polygons on a canvas through a camera, shaded by the sun and by haze.

    Args:
        canvas (Canvas): The image to draw on.
        camera (Camera): The camera that sees it.
        haze (tuple): Colour (3,) that far things fade to.
        sight (float): Distance in metres at which 63% is haze.
        contrast (float): 0 (no shading) to 1 of faces turned from the sun. Defaults to 0.5.
    """

    def __init__(self, canvas, camera, haze, sight, contrast=0.5):
        self.canvas, self.camera, self.contrast = canvas, camera, contrast
        self.haze, self.sight = tuple(map(float, haze)), sight

    def unit(self, point):
        """Return pixels a metre at a world point (3,)."""
        return self.camera.focal / max(self.camera.depth(point), NEAR)

    def shade(self, color, away, normal=None):
        """Return the colour of a surface ``away`` metres off that faces ``normal`` (3,)."""
        light = 1.0
        if normal is not None:
            toward = normal[0] * SUN[0] + normal[1] * SUN[1] + normal[2] * SUN[2]
            light = 1 - self.contrast * 0.5 * (1 - toward)
        clear = math.exp(-max(away, 0) / self.sight)
        return [min(max(haze + (value * light - haze) * clear, 0), 255)
                for haze, value in zip(self.haze, color, strict=True)]

    def _draw_face(self, seen, color, label, normal):
        flat = self.camera.outline(seen)
        if len(flat) >= 3:
            if color is not None:
                color = self.shade(color, seen[:, 2].mean(), normal)
            self.canvas.polygon(flat, color, label)

    def face(self, points, color, label=None, normal=None):
        """Fill a world polygon (N, 3)."""
        self._draw_face(self.camera.to_camera(points), color, label, normal)

    def faces(self, many, color, label=None, normal=None):
        """Fill several world polygons (N, 3)."""
        if len(many):
            cuts = np.cumsum([len(points) for points in many])[:-1]
            for seen in np.split(self.camera.to_camera(np.concatenate(many)), cuts):
                self._draw_face(seen, color, label, normal)

    def line(self, points, width, color, label=None, closed=False):
        """Draw a line through world points (N, 3), ``width`` metres wide."""
        seen = self.camera.to_camera(points)
        if seen[:, 2].min() > NEAR:
            away = seen[:, 2].mean()
            self.canvas.stroke(self.camera.flat(seen), width * self.camera.focal / away,
                               self.shade(color, away), label, closed)

    def lines(self, many, width, color, label=None):
        """Draw several lines (2, 3) of one colour, ``width`` metres wide where it is near."""
        if len(many):
            for seen in np.split(self.camera.to_camera(np.concatenate(many)), len(many)):
                if seen[:, 2].min() > NEAR:
                    away = seen[:, 2].mean()
                    self.canvas.stroke(self.camera.flat(seen), width * self.camera.focal / away,
                                       self.shade(color, away), label)

    def discs(self, centres, radii, colors, label=None):
        """Draw balls at world points (N, 3), ``radii`` (N,) in metres, in the order given."""
        seen = self.camera.to_camera(centres)
        flat = self.camera.flat(np.maximum(seen, (-np.inf, -np.inf, NEAR)))
        for point, spot, radius, color in zip(seen, flat, radii, colors, strict=True):
            if point[2] > NEAR:
                size = radius * self.camera.focal / point[2]
                self.canvas.disc(spot, (size, size), self.shade(color, point[2]), label)

    def shadow(self, points, alpha=0.45):
        """Darken a polygon (N, 3) of the ground."""
        flat = self.camera.project(points)
        if len(flat) >= 3:
            self.canvas.veil(flat, (20, 15, 12), alpha)

    def solid(self, place, faces, label, details=()):
        """Draw a nearly convex body.

        Args:
            place (Place): Where it stands.
            faces (list): (points (N, 3), normal (3,), colour) in the body's own coordinates.
            label (int): Class of all of it.
            details (list): The same for windows, lights and lines on it, drawn last.
        """
        parts = [*faces, *details]
        world = place.world(np.concatenate([part[0] for part in parts]))
        normals = place.to_world([part[1] for part in parts])
        cuts = np.cumsum([len(part[0]) for part in parts])[:-1]
        first = np.concatenate([[0], cuts])
        fronts = ((self.camera.origin - world[first]) * normals).sum(1) > 0
        seen = np.split(self.camera.to_camera(world), cuts)
        shown = [index for index in range(len(faces)) if fronts[index]]
        shown.sort(key=lambda index: -np.square(seen[index].mean(0)).sum())
        shown += [index for index in range(len(faces), len(parts)) if fronts[index]]
        for index in shown:
            self._draw_face(seen[index], parts[index][2], label, normals[index])


class Things(list):
    """Holds the things of a scene: pairs of a distance and a function that draws one.

    Args:
        stage (Stage): The scene.
        rng (Generator): Both are the first arguments of the functions.
    """

    def __init__(self, stage, rng):
        super().__init__()
        self.stage, self.rng = stage, rng

    def add(self, z, draw, *args):
        """Add a thing at a distance, and the function that draws it."""
        self.append((z, lambda: draw(self.stage, self.rng, *args)))
