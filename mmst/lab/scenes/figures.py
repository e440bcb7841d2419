"""Draws articulated people: a pose is COCO's 17 key points in metres.

Own coordinates: x to the person's right, y up from the ground, z where the person faces.
"""
from dataclasses import dataclass

import numpy as np

from .drawing import PAINT, SKIN, between, darker, pick

KEYPOINTS = ('nose', 'left_eye', 'right_eye', 'left_ear', 'right_ear', 'left_shoulder',
             'right_shoulder', 'left_elbow', 'right_elbow', 'left_wrist', 'right_wrist',
             'left_hip', 'right_hip', 'left_knee', 'right_knee', 'left_ankle', 'right_ankle')
#: Parts a figure is drawn of; their order is that of ``labels`` in :func:`draw_figure`.
PARTS = ('torso', 'head', 'left_arm', 'right_arm', 'left_forearm', 'right_forearm', 'left_thigh',
         'right_thigh', 'left_shin', 'right_shin')
#: Poses :func:`pose` knows.
KINDS = ('stand', 'walk', 'run', 'reach', 'sit', 'ride')

#: Shirt, trousers, socks, shoes and hair of a team (BGR).
TEAM = np.array([[40, 40, 210], [150, 60, 20], [235, 235, 235], [20, 200, 240], [25, 25, 30]])

_LIMBS = {  # part: (from, to) key points, width as a share of the body's height
    'left_arm': (5, 7, 0.055), 'right_arm': (6, 8, 0.055),
    'left_forearm': (7, 9, 0.045), 'right_forearm': (8, 10, 0.045),
    'left_thigh': (11, 13, 0.085), 'right_thigh': (12, 14, 0.085),
    'left_shin': (13, 15, 0.062), 'right_shin': (14, 16, 0.062)}


@dataclass(frozen=True)
class Outfit:
    """Holds the colours (3,) of a figure's parts."""
    skin: np.ndarray
    hair: np.ndarray
    shirt: np.ndarray
    sleeves: np.ndarray
    trousers: np.ndarray
    shins: np.ndarray
    shoes: np.ndarray

    @classmethod
    def draw(cls, rng):
        """Dress a figure at random."""
        skin, shirt, trousers = pick(rng, SKIN, 8), pick(rng), pick(rng)
        return cls(
            skin=skin,
            hair=pick(rng, PAINT, 10) * 0.7,
            shirt=shirt,
            sleeves=skin if rng.random() < 0.4 else darker(shirt, 0.9),
            trousers=trousers,
            shins=skin if rng.random() < 0.25 else trousers,
            shoes=pick(rng) * 0.7)

    @classmethod
    def team(cls, rng):
        """Dress a figure as one of a team: few looks, which a short training can learn."""
        skin = pick(rng, SKIN, 8)
        shirt, trousers, socks, shoes, hair = (pick(rng, [color], 10) for color in TEAM)
        return cls(skin=skin, hair=hair, shirt=shirt, sleeves=skin, trousers=trousers, shins=socks,
                   shoes=shoes)


def joint_between(root, target, first, second, bend):
    """Place a two-part limb: returns its joint (3,) and its end (3,).

    Args:
        root (ndarray): Shoulder or hip (3,).
        target (ndarray): Where hand or foot should be (3,); brought within reach.
        first (float): Length from the root to the joint.
        second (float): Length from the joint to the end.
        bend (tuple): Direction (3,) the joint points to.
    """
    reach = np.asarray(target, np.float64) - root
    length = np.linalg.norm(reach)
    along = reach / max(length, 1e-6)
    length = np.clip(length, abs(first - second) + 1e-3, (first + second) * 0.999)
    forward = (first**2 + length**2 - second**2) / (2 * length)
    aside = np.asarray(bend, np.float64) - np.dot(bend, along) * along
    aside /= max(np.linalg.norm(aside), 1e-6)
    joint = root + forward * along + np.sqrt(max(first**2 - forward**2, 0)) * aside
    return joint, root + length * along


def _targets(rng, kind, tall):
    """Return the hip height, lean (forward, aside in radians), feet and hands (2, 3) relative to
    hips.
    """
    hip, lean = 0.52 * tall, [rng.normal(0, 0.05), rng.normal(0, 0.04)]
    side = np.array([-1.0, 1.0])  # left, right
    feet = np.stack([side * between(rng, 0.05, 0.12) * tall, np.full(2, 0.045 * tall),
                     rng.normal(0, 0.02, 2) * tall], 1)
    hands = np.stack([side * between(rng, 0.13, 0.2) * tall, hip + rng.normal(0, 0.03, 2) * tall,
                      rng.normal(0.03, 0.05, 2) * tall], 1)
    step = side * (1 if rng.random() < 0.5 else -1)
    if kind in ('walk', 'run'):
        stride = between(rng, 0.10, 0.2) if kind == 'walk' else between(rng, 0.2, 0.3)
        feet[:, 2] += step * stride * tall
        feet[:, 1] += np.maximum(-step, 0) * between(rng, 0.02, 0.05 + stride / 2) * tall
        hands[:, 2] -= step * stride * 0.9 * tall
        if kind == 'run':
            hands[:, 1] += 0.12 * tall
            lean[0] = between(rng, 0.05, 0.3)
        hip -= 0.3 * stride**2 * tall
    elif kind == 'reach':
        feet[:, 0] *= between(rng, 1, 2.2)
        raised = rng.random(2) < 0.65
        spots = np.stack([side * rng.uniform(0.05, 0.4, 2), rng.uniform(0.6, 1.15, 2),
                          rng.uniform(-0.1, 0.3, 2)], 1) * tall
        hands = np.where(raised[:, None], spots, hands)
        lean[1] = rng.normal(0, 0.12)
    elif kind == 'sit':
        hip = between(rng, 0.26, 0.32) * tall
        feet[:, 2] += between(rng, 0.18, 0.3) * tall
        hands = np.stack([side * 0.09 * tall, np.full(2, hip + 0.05 * tall),
                          rng.uniform(0.1, 0.25, 2) * tall], 1)
    elif kind == 'ride':
        hip = 0.53 * tall
        lean[0] = between(rng, 0.2, 0.7)
        pedal = between(rng, 0, 2 * np.pi)
        turn = np.array([pedal, pedal + np.pi])
        feet = np.stack([side * 0.06 * tall, (0.17 + 0.09 * np.sin(turn)) * tall,
                         (0.14 + 0.09 * np.cos(turn)) * tall], 1)
        hands = np.stack([side * 0.14 * tall, np.full(2, 0.60 * tall), np.full(2, 0.38 * tall)], 1)
    return hip, lean, feet, hands


def pose(rng, kind, tall=1.75):
    """Draw a pose.

    Args:
        rng (numpy.random.Generator): Source of chance.
        kind (str): One of ``KINDS``. ``ride`` sits above the origin, feet on pedals.
        tall (float): Height in metres. Defaults to 1.75.

    Returns:
        ndarray: The key points (17, 3) in own coordinates, metres.
    """
    hip, (forward, aside), feet, hands = _targets(rng, kind, tall)
    spine = np.array([np.sin(aside), np.cos(forward) * np.cos(aside), np.sin(forward)])
    spine /= np.linalg.norm(spine)
    points = np.zeros((17, 3))
    points[[11, 12]] = [[-0.055 * tall, hip, 0], [0.055 * tall, hip, 0]]
    neck = np.array([0, hip, 0]) + 0.30 * tall * spine
    points[[5, 6]] = neck + np.array([[-0.11 * tall, 0, 0], [0.11 * tall, 0, 0]])
    for index in (0, 1):  # left, right
        points[13 + index], points[15 + index] = joint_between(
            points[11 + index], feet[index], 0.245 * tall, 0.235 * tall, (0, 0, 1))
        points[7 + index], points[9 + index] = joint_between(
            points[5 + index], hands[index], 0.17 * tall, 0.15 * tall,
            ((-1, 1)[index] * 0.7, -0.3, -1))
    head = np.array([0, hip, 0]) + 0.42 * tall * (spine + np.array([0, 0.15, 0])) / 1.13
    turn = rng.normal(0, 0.35)
    ahead = np.array([np.sin(turn), 0, np.cos(turn)])
    right = np.array([np.cos(turn), 0, -np.sin(turn)])
    up = np.array([0, 1.0, 0])
    points[0] = head + (0.062 * ahead - 0.004 * up) * tall
    for index, sign in ((1, -1), (2, 1)):
        points[index] = head + (0.05 * ahead + sign * 0.026 * right + 0.016 * up) * tall
        points[index + 2] = head + (sign * 0.058 * right + 0.004 * up) * tall
    return points


def _head(canvas, flat, away, unit, outfit, label):
    """Draw hair and face, the nearer one last; ``unit`` is pixels a body height."""
    ears = flat[[3, 4]].mean(0)
    ahead = flat[0] - ears
    looks = away[[3, 4]].mean() - away[0]  # positive: the face turns to the viewer
    hair = (ears - 0.3 * ahead + [0, -0.018 * unit], (0.062 * unit, 0.068 * unit), outfit.hair)
    face = (ears + 0.25 * ahead + [0, 0.008 * unit], (0.052 * unit, 0.066 * unit), outfit.skin)
    for centre, radii, color in ((hair, face) if looks > 0 else (face, hair)):
        canvas.disc(centre, radii, color, label)
    if looks > 0 and unit > 40:
        for index, size in ((1, 0.010), (2, 0.010), (0, 0.008)):
            color = (30, 25, 25) if index else darker(outfit.skin, 0.7)
            canvas.disc(flat[index], (size * unit, size * unit), color)


def draw_figure(canvas, flat, away, unit, outfit, labels):
    """Draw a figure, its far parts first.

    Args:
        canvas (Canvas): The image to draw on.
        flat (ndarray): The key points (17, 2) in pixels.
        away (ndarray): How far away they are (17,), in any unit; orders the parts.
        unit (float): Pixels a body height.
        outfit (Outfit): Its colours.
        labels (Sequence[int]): Label of each of ``PARTS``.
    """
    labels = dict(zip(PARTS, labels, strict=True))
    colors = dict(arm=outfit.sleeves, forearm=outfit.skin, thigh=outfit.trousers,
                  shin=outfit.shins)
    if not np.array_equal(outfit.sleeves, outfit.skin):
        colors['forearm'] = outfit.sleeves
    order = [(away[[5, 6, 11, 12]].mean(), 'torso'), (away[[3, 4]].mean() - 1e-3, 'head')]
    order += [(away[[a, b]].mean(), part) for part, (a, b, _) in _LIMBS.items()]
    for _, part in sorted(order, reverse=True):
        if part == 'torso':
            trunk = flat[[5, 6, 12, 11]]
            canvas.polygon(trunk, outfit.shirt, labels[part])
            canvas.stroke(trunk, 0.075 * unit, outfit.shirt, labels[part], closed=True)
        elif part == 'head':
            neck = np.array([flat[[5, 6]].mean(0), flat[[3, 4]].mean(0)])
            canvas.stroke(neck, 0.05 * unit, darker(outfit.skin, 0.8), labels[part])
            _head(canvas, flat, away, unit, outfit, labels[part])
        else:
            start, end, width = _LIMBS[part]
            color = darker(colors[part.split('_')[1]], 0.9 if 'left' in part else 1.05)
            canvas.stroke(flat[[start, end]], width * unit, color, labels[part])
            if part.endswith('shin'):
                toe = flat[end] + [0, 0.02 * unit]
                canvas.stroke([flat[end], toe], 0.06 * unit, outfit.shoes, labels[part])
            elif part.endswith('forearm'):
                canvas.disc(flat[end], (0.026 * unit, 0.026 * unit), outfit.skin, labels[part])
