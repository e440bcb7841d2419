"""Writes text on pictures."""
import functools
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

INK, SIZE = (30, 30, 30), 15


@functools.cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """Return the font that comes with matplotlib."""
    from matplotlib.font_manager import findfont
    return ImageFont.truetype(findfont('DejaVu Sans'), size)


def line_height(size: int) -> int:
    """Return pixels that a line takes."""
    return sum(font(size).getmetrics())


def text_width(text: str, size: int) -> int:
    """Return pixels that a text takes."""
    return int(np.ceil(font(size).getlength(text)))


def fit(text: str, width: int, size: int) -> str:
    """Return the text, its end cut off where it is wider than ``width``."""
    if text_width(text, size) <= width:
        return text
    while text and text_width(text + '…', size) > width:
        text = text[:-1]
    return text + '…'


def write(picture: np.ndarray, text: str, at: tuple[int, int], size: int,
          colour: Sequence[int] = INK, right: bool = False) -> np.ndarray:
    """Return a copy of the picture with text whose upper left (or right) corner is ``at`` (x, y).
    """
    image = Image.fromarray(picture)
    x, y = at
    draw = ImageDraw.Draw(image)
    draw.text((x - text_width(text, size) if right else x, y), text, tuple(colour), font(size))
    return np.asarray(image).copy()
