"""Arranges pictures in rows and columns."""
from collections.abc import Sequence

import cv2
import numpy as np

from .text import SIZE, fit, line_height, text_width, write

GAP = 6


def grid(rows: Sequence[Sequence[np.ndarray]], labels: Sequence[str], width: int = 320,
         legend: Sequence[tuple[str, Sequence[int]]] = ()) -> np.ndarray:
    """Return one picture of all: a row an image, a column a network, labels above, a legend below.

    Args:
        rows: (H, W, 3) uint8 pictures, red first, as many a row as there are labels.
        labels (Sequence[str]): Above the columns; cut off where they are too wide.
        width (int): Of a column in pixels. Pictures are scaled to it.
        legend: Name and colour of each class in the pictures.

    Returns:
        np.ndarray: (H, W, 3) uint8, red first, both sizes even, as video formats need them.
    """
    parts = [_header(labels, width)]
    parts += [_row([scale(picture, width) for picture in row]) for row in rows]
    if legend:
        parts.append(_legend(legend, parts[0].shape[1]))
    whole = np.concatenate(parts)
    return np.pad(whole, [(0, n % 2) for n in whole.shape[:2]] + [(0, 0)], constant_values=255)


def scale(picture: np.ndarray, width: int) -> np.ndarray:
    """Return the picture at another width, its proportions kept."""
    height = max(1, round(picture.shape[0] * width / picture.shape[1]))
    smaller = width < picture.shape[1]
    return cv2.resize(picture, (width, height),
                      interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)


def _header(labels: Sequence[str], width: int) -> np.ndarray:
    band = np.full((line_height(SIZE) + GAP, GAP + len(labels) * (width + GAP), 3), 255, np.uint8)
    for i, label in enumerate(labels):
        band = write(band, fit(label, width, SIZE), (GAP + i * (width + GAP), GAP // 2), SIZE)
    return band


def _row(pictures: Sequence[np.ndarray]) -> np.ndarray:
    height, width = max(p.shape[0] for p in pictures), pictures[0].shape[1]
    band = np.full((height + GAP, GAP + len(pictures) * (width + GAP), 3), 255, np.uint8)
    for i, picture in enumerate(pictures):
        left = GAP + i * (width + GAP)
        band[:picture.shape[0], left:left + width] = picture
    return band


def _legend(entries: Sequence[tuple[str, Sequence[int]]], width: int) -> np.ndarray:
    high = line_height(SIZE)
    lines: list[list[tuple[int, str, Sequence[int]]]] = [[]]
    left = GAP
    for name, colour in entries:
        needed = high + GAP + text_width(name, SIZE) + 3 * GAP
        if left + needed > width and lines[-1]:
            lines.append([])
            left = GAP
        lines[-1].append((left, name, colour))
        left += needed
    band = np.full((len(lines) * (high + GAP) + GAP, width, 3), 255, np.uint8)
    for i, line in enumerate(lines):
        for left, name, colour in line:
            top = GAP + i * (high + GAP)
            band[top:top + high, left:left + high] = colour
            band = write(band, name, (left + high + GAP, top), SIZE)
    return band
