"""Generates pictures of people with key points in the files of COCO."""
import json

import numpy as np

from .drawing import Canvas, between, draw_clutter, expose, pick, roughen, write_image
from .figures import PARTS, Outfit, draw_figure, pose
from .people_annotations import CATEGORY, STEP, annotate, detections


def _stand(rng, foot, unit, kind, turn=(0, 2 * np.pi)):
    """Pose a figure before the camera.

    Args:
        foot (ndarray): Where its middle meets the ground, pixels (2,).
        unit (float): Pixels a body height.
        kind (str): A pose of :data:`~mmst.lab.scenes.figures.KINDS`.
        turn (tuple[float, float]): Least and largest angle in radians; at pi it faces the camera.

    Returns:
        tuple: Key points (17, 2) in pixels and how far away they are (17,), in body heights.
    """
    points = pose(rng, kind, 1.0)
    turn, tilt = between(rng, *turn), rng.normal(0, 0.06)
    right = np.cos(turn) * points[:, 0] + np.sin(turn) * points[:, 2]
    away = np.cos(turn) * points[:, 2] - np.sin(turn) * points[:, 0]
    flat = np.stack([np.cos(tilt) * right - np.sin(tilt) * points[:, 1],
                     -np.sin(tilt) * right - np.cos(tilt) * points[:, 1]], 1)
    return foot + unit * flat, away


def _draw_crowd(canvas, rng, number):
    """Draw a row of small people far behind, annotated as one."""
    row, unit = canvas.height * between(rng, 0.35, 0.6), canvas.height * between(rng, 0.14, 0.2)
    left = canvas.width * between(rng, 0.05, 0.5)
    for place in range(int(rng.integers(6, 10))):
        foot = np.array([left + place * 0.42 * unit, row + rng.normal(0, 0.1 * unit)])
        flat, away = _stand(rng, foot, unit, 'stand')
        draw_figure(canvas, flat, away, unit, Outfit.draw(rng), [number * STEP] * len(PARTS))


def _draw_block(canvas, rng):
    """Draw a crate, a board or a post that hides things behind it."""
    left, top = between(rng, 0, 0.9) * canvas.width, between(rng, 0.3, 0.85) * canvas.height
    wide, high = rng.uniform(0.05, 0.28, 2) * canvas.height
    corners = np.array([(0, 0), (wide, 0), (wide, high), (0, high)]) + np.array((left, top))
    color = pick(rng)
    canvas.polygon(corners, color, 0)
    canvas.stroke(corners, 0.01 * canvas.height, color * 0.6, 0, closed=True)
    canvas.stroke(corners[[0, 2]], 0.01 * canvas.height, color * 0.6, 0)


def _draw_figures(canvas, rng, first):
    """Draw two to five people, small ones first, and things before them.

    Returns:
        dict: Key points (17, 2) in pixels and how far away they are (17,), by the person's
        number, from ``first`` on.
    """
    figures, height = {}, canvas.height
    sizes = np.sort(rng.uniform(0.4, 0.95, int(rng.integers(2, 6)))) * height
    spots = (np.arange(len(sizes)) + rng.uniform(0.1, 0.9, len(sizes))) / len(sizes)
    for number, (unit, spot) in enumerate(zip(sizes, rng.permutation(spots), strict=False), first):
        row = (0.64 + 0.38 * unit / height + rng.normal(0, 0.06)) * height
        kind = str(rng.choice(['stand', 'walk', 'run', 'reach', 'reach', 'sit']))
        flat, away = _stand(rng, np.array([spot * canvas.width, row]), unit, kind)
        labels = number * STEP + np.arange(len(PARTS))
        draw_figure(canvas, flat, away, unit, Outfit.team(rng), labels)
        figures[number] = flat, away
        if rng.random() < 0.25:
            _draw_block(canvas, rng)
    return figures


def draw_people(seed, height=240, width=320):
    """Draw two to five people, at times a crowd behind them and things before them.

    Args:
        seed (Sequence[int]): Seed of this image.
        height (int): Height in pixels. Defaults to 240.
        width (int): Width in pixels. Defaults to 320.

    Returns:
        tuple: Image (height, width, 3) uint8, BGR, and the annotations (list of dict) without ids.
    """
    rng = np.random.default_rng(seed)
    canvas = Canvas(height, width, background=0, dtype=np.int32)
    draw_clutter(canvas, rng, int(rng.integers(8, 20)))
    crowd = 1 if rng.random() < 0.15 else 0
    if crowd:
        _draw_crowd(canvas, rng, crowd)
    figures = _draw_figures(canvas, rng, crowd + 1)
    return _finish(canvas, rng, figures, crowd)


def _finish(canvas, rng, figures, crowd):
    image, label = canvas.finish()
    height = canvas.height
    amount = np.array([0.03, 0.05, 0.06]) * between(rng, 0.3, 1.3)
    cells = np.array([1.5, 4.0, 16.0]) * max(1.0, height / 128)
    image = expose(rng, roughen(rng, image, amount[:, None, None], cells), 0.15)
    return image, annotate(label, figures, crowd)


def draw_quiet_people(seed, height=240, width=320):
    """Draw two large people side by side who face the camera; see :func:`draw_people`."""
    rng = np.random.default_rng(seed)
    canvas = Canvas(height, width, background=0, dtype=np.int32)
    draw_clutter(canvas, rng, int(rng.integers(2, 8)))
    figures = {}
    for number, spot in enumerate((0.27, 0.73), 1):
        unit = between(rng, 0.7, 0.9) * height
        foot = np.array([(spot + rng.normal(0, 0.02)) * width, between(rng, 0.95, 0.98) * height])
        kind = str(rng.choice(['stand', 'walk', 'reach', 'reach']))
        flat, away = _stand(rng, foot, unit, kind, (np.pi - 0.6, np.pi + 0.6))
        labels = number * STEP + np.arange(len(PARTS))
        draw_figure(canvas, flat, away, unit, Outfit.team(rng), labels)
        figures[number] = flat, away
    return _finish(canvas, rng, figures, 0)


def write_coco(root, size, train, val, seed, draw=draw_people):
    """Write people under ``root`` as COCO lays its key points out.

    ``person_detection_results`` holds boxes for validation, slightly off the true ones.

    Args:
        root (Path): Folder that gets ``train2017``, ``val2017`` and ``annotations``.
        size (tuple[int, int]): Height and width in pixels.
        train (int): Number of training images.
        val (int): Number of validation images.
        seed (int): Seed of all images.
        draw (Callable): ``draw(seed, height, width)``. Defaults to :func:`draw_people`.
    """
    height, width = size
    for number, (split, count) in enumerate((('train', train), ('val', val))):
        images, annotations, first = [], [], number * 500000 + 1
        for index in range(count):
            image, found = draw((seed, number, index), height, width)
            image_id = first + index
            name = f'{image_id:012d}.jpg'
            write_image(root / f'{split}2017' / name, image)
            images.append(dict(id=image_id, file_name=name, height=height, width=width, license=1,
                               coco_url='', flickr_url='', date_captured='2022-10-23 00:00:00'))
            for item in found:
                item.update(id=number * 500000 + len(annotations) + 1, image_id=image_id)
                annotations.append(item)
        _dump(root / 'annotations' / f'person_keypoints_{split}2017.json', dict(
            info=dict(description='Generated people', url='', version='1.0', year=2022,
                      contributor='mmst', date_created='2022/10/23'),
            licenses=[dict(id=1, name='Generated', url='')],
            images=images, annotations=annotations, categories=[CATEGORY]))
    rng = np.random.default_rng((seed, 2))
    _dump(root / 'person_detection_results' / 'COCO_val2017_detections_AP_H_56_person.json',
          detections(rng, annotations))


def write_quiet_people(root, size, train, val, seed):
    """Write quiet people as :func:`write_coco` does others."""
    write_coco(root, size, train, val, seed, draw_quiet_people)


def _dump(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
