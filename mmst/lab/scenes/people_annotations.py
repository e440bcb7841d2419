"""Annotates drawn people as COCO does.

A pixel knows which part of which person it shows; that tells visible, occluded and cut-off key
points, boxes, areas and outlines apart exactly.
"""
import cv2
import numpy as np

from .drawing import between
from .figures import KEYPOINTS, PARTS

#: Limbs as pairs of key points, counted from 1, as COCO lists them.
SKELETON = [[16, 14], [14, 12], [17, 15], [15, 13], [12, 13], [6, 12], [7, 13], [6, 7], [6, 8],
            [7, 9], [8, 10], [9, 11], [2, 3], [1, 2], [1, 3], [2, 4], [3, 5], [4, 6], [5, 7]]
CATEGORY = dict(supercategory='person', id=1, name='person', keypoints=list(KEYPOINTS),
                skeleton=SKELETON)
#: Labels: number of the person times this, plus number of the part; a crowd is one person.
STEP = 16
#: Parts that show a key point where they show its pixel.
_SHOWS = [{PARTS.index(part) for part in parts} for parts in (
    *[('head',)] * 5, ('torso', 'left_arm'), ('torso', 'right_arm'),
    ('left_arm', 'left_forearm'), ('right_arm', 'right_forearm'), ('left_forearm',),
    ('right_forearm',), ('torso', 'left_thigh'), ('torso', 'right_thigh'),
    ('left_thigh', 'left_shin'), ('right_thigh', 'right_shin'), ('left_shin',), ('right_shin',))]
#: Smallest area in pixels a person is annotated with.
LEAST = 40


def annotate(label, figures, crowd):
    """Return annotations (list of dict) of all people whom a label map (H, W) shows enough of.

    Args:
        label (ndarray): Label map.
        figures (dict): Key points (17, 2) in pixels and how far away they are (17,), by number.
        crowd (int): Number of the crowd; 0: there is none.
    """
    annotations = []
    for number, (flat, away) in figures.items():
        mask = label // STEP == number
        if mask.sum() >= LEAST:
            flags = _visibility(label, number, flat, away)
            points = np.column_stack([flat, flags]) * (flags > 0)[:, None]
            annotations.append(_annotation(mask, False, points))
    if crowd and (label // STEP == crowd).sum() >= LEAST:
        annotations.append(_annotation(label // STEP == crowd, True))
    return annotations


def detections(rng, annotations):
    """Return boxes as a detector would find them: a little off, with scores."""
    found = []
    for item in annotations:
        if not item['iscrowd']:
            x, y, wide, high = item['bbox']
            off = rng.normal(0, 0.03, 4) * (wide, high, wide, high)
            box = [x + off[0], y + off[1], wide + off[2], high + off[3]]
            found.append(dict(
                image_id=item['image_id'], category_id=CATEGORY['id'],
                bbox=[round(float(value), 2) for value in box],
                score=round(between(rng, 0.6, 1.0), 4)))
    return found


def _visibility(label, number, flat, away):
    """Return COCO's flags of key points (17,): 0 not labelled, 1 hidden, 2 visible.

    Args:
        label (ndarray): Label map (H, W).
        number (int): The person's number.
        flat (ndarray): Key points (17, 2) in pixels.
        away (ndarray): How far away they are (17,), in body heights.
    """
    height, width = label.shape
    flags = np.zeros(17, int)
    for index, (column, row) in enumerate(np.floor(flat).astype(int)):
        if not (0 <= column < width and 0 <= row < height):
            continue
        owner, part = divmod(int(label[row, column]), STEP)
        shown = owner == number and part in _SHOWS[index]
        if index < 3:  # nose and eyes are not labelled where the face is turned away
            flags[index] = (1 + shown) if away[index] < away[3:5].mean() else 0
        elif index < 5:
            flags[index] = 1 + (shown and away[index] < away[3:5].mean() + 0.02)
        else:
            trunk = away[[5, 6, 11, 12]].mean()
            beyond = index in (5, 6, 11, 12) and away[index] > trunk + 0.06
            flags[index] = 1 + (shown and not beyond)
    return flags


def _outlines(mask):
    """Return a mask (H, W) as COCO's polygons."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL,
                                   cv2.CHAIN_APPROX_SIMPLE)
    return [contour.reshape(-1).astype(float).tolist() for contour in contours
            if len(contour) >= 3]


def _runs(mask):
    """Return a mask (H, W) as COCO's uncompressed run lengths, column by column."""
    flat = mask.T.reshape(-1).astype(np.int8)
    cuts = np.flatnonzero(np.diff(np.concatenate([[0], flat, [2]])))
    counts = np.diff(np.concatenate([[0], cuts])).tolist()
    return dict(counts=counts, size=list(mask.shape))


def _annotation(mask, crowd, points=None):
    """Return an annotation of a mask (H, W) and key points (17, 3), without ids."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    points = np.zeros((17, 3)) if points is None else points
    box = [columns[0], rows[0], columns[-1] + 1 - columns[0], rows[-1] + 1 - rows[0]]
    return dict(
        segmentation=_runs(mask) if crowd else _outlines(mask),
        area=float(mask.sum()), bbox=[float(value) for value in box], iscrowd=int(crowd),
        category_id=CATEGORY['id'], num_keypoints=int((points[:, 2] > 0).sum()),
        keypoints=points.reshape(-1).round(1).tolist())
