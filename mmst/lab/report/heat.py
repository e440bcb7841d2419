"""Draws heat maps as SVG: shares by row and column."""
from collections.abc import Mapping, Sequence

from ..style import ink_on, shade
from .svg import picture, spot, tag, words

CELL, ROW_LABEL, HEAD, PITCH = 28, 150, 52, 15
ROOM = 34  # right of the last column: heads are slanted
MISSING = '#ffffff'


def heat_map(title: str, rows: Sequence[str], columns: Sequence[str],
             cells: Mapping[tuple[str, str], float],
             tips: Mapping[str, str] | None = None) -> str:
    """Return cells from dark (0) to light (1), with the percentage in each; white where there is
    none.

    Args:
        title (str): The quantity of the shares.
        rows (Sequence[str]): Their names, top to bottom.
        columns (Sequence[str]): Their names.
        cells (Mapping): (row, column) to a share.
        tips (Mapping, optional): Row to its text when pointed at.
    """
    width = ROW_LABEL + CELL * len(columns) + ROOM
    height = HEAD + PITCH * len(rows) + 4
    heads = [words(name, 0, 0, transform=f'translate({ROW_LABEL + CELL * (i + 0.5)},{HEAD - 5}) '
                   'rotate(-40)') for i, name in enumerate(columns)]
    lines = []
    for i, row in enumerate(rows):
        y = HEAD + PITCH * i
        drawn = [words(row, ROW_LABEL - 5, y + 11, text_anchor='end')]
        drawn += [_square(cells.get((row, column)), ROW_LABEL + CELL * j, y)
                  for j, column in enumerate(columns)]
        lines.append(spot((tips or {}).get(row) or _tip(row, columns, cells), *drawn))
    return tag('figure', tag('figcaption', title), picture(
        max(width, 320), height, title, *heads, *lines, class_='heat',
        style=f'max-width:{1.3 * max(width, 320):.0f}px'))


def colour_key(low: str = '0%', high: str = '100%') -> str:
    """Return the colours from 0 to 1 with a word at each end."""
    boxes = [tag('rect', x=10 * i, y=0, width=10, height=12, fill=shade(i / 19)) for i in range(20)]
    drawing = picture(200, 12, f'colours from {low} to {high}', *boxes, class_='key')
    return tag('p', low, ' ', drawing, ' ', high, class_='colours')


def _square(share: float | None, x: float, y: float) -> str:
    if share is None:
        return tag('rect', x=x, y=y, width=CELL - 1, height=PITCH - 1, fill=MISSING, class_='none')
    colour = shade(share)
    return tag('rect', x=x, y=y, width=CELL - 1, height=PITCH - 1, fill=colour) + words(
        _percent(share), x + CELL / 2 - 0.5, y + 10.5, text_anchor='middle', fill=ink_on(colour),
        class_='small')


def _tip(row: str, columns: Sequence[str], cells: Mapping[tuple[str, str], float]) -> str:
    shares = [f'{name} {cells[row, name]:.1%}' for name in columns if (row, name) in cells]
    return f'{row}: {", ".join(shares)}'


def _percent(share: float) -> str:
    """Return whole percents, but 0 and 100 only of exact values."""
    rounded = round(100 * share)
    if rounded == 100 and share < 1:
        return '>99'
    return '<1' if rounded == 0 and share > 0 else str(rounded)
