"""Draws line charts as SVG, legible from phones to wide screens."""
from collections.abc import Sequence
from dataclasses import dataclass

from ..style import COLOURS
from .scales import Scale, limits, short
from .svg import picture, spot, tag, words

WIDTH, PLOT, LEFT, RIGHT = 400, 150, 50, 14
_DASHES = {'-': None, '--': '6 3', ':': '2 3'}
#: Kinds of events, each with a lane below the chart.
LANES = (('search', 'S', 'triangle', COLOURS[0]), ('prune', 'P', 'disc', COLOURS[1]),
         ('reactivate', 'R', 'square', COLOURS[2]))
LANE = 13


@dataclass(frozen=True)
class Series:
    """Is one line of a chart.

    Attributes:
        label (str): For the key.
        points (Sequence): Pairs of x and y.
        colour (str): ``#rrggbb``.
        line (str, optional): ``'-'``, ``'--'``, ``':'``; None for marks alone.
        stepped (bool): Whether y stays until the next point.
        marks (Sequence[bool], optional): A mark a point: True for a filled, False for a hollow one.
        tips (Sequence[str], optional): The text of each mark.
    """
    label: str
    points: Sequence[tuple[float, float]]
    colour: str
    line: str | None = '-'
    stepped: bool = False
    marks: Sequence[bool] | None = None
    tips: Sequence[str] | None = None


@dataclass(frozen=True)
class Mark:
    """Marks an event below a chart."""
    kind: str
    step: float
    tip: str


def line_chart(title: str, x_label: str, x_end: float, series: Sequence[Series],
               marks: Sequence[Mark] = (), described: bool = False, zero: bool = True) -> str:
    """Return a chart with a key above and the run's events in lanes below.

    Args:
        title (str): The quantity, with its unit.
        x_label (str): Name of the horizontal axis, which goes from 0 to ``x_end``.
        series (Sequence[Series]): Lines.
        marks (Sequence[Mark]): Events.
        described (bool): Whether events have descriptions; once in a row of charts is enough.
        zero (bool): Whether the vertical axis begins at 0.
    """
    key, key_height = _key(series)
    top = 8 + key_height
    x = Scale(0, x_end or 1, LEFT, WIDTH - RIGHT)
    y = Scale(*limits([v for s in series for _, v in s.points], zero), top + PLOT, top)
    lanes = [lane for lane in LANES if any(m.kind == lane[0] for m in marks)]
    height = top + PLOT + 34 + LANE * len(lanes) + (4 if lanes else 0)
    content = [key, _axes(x, y, x_label), *(_line(s, x, y) for s in series),
               *(_lane(lane, marks, x, top + PLOT + 40 + LANE * i, described)
                 for i, lane in enumerate(lanes))]
    return tag('figure', tag('figcaption', title),
               picture(WIDTH, height, title, *content, class_='chart'))


def _axes(x: Scale, y: Scale, x_label: str) -> str:
    left, right, top, bottom = x.start, x.end, y.end, y.start
    lines, texts = [], []
    for value in y.ticks(5):
        lines.append(tag('line', x1=left, x2=right, y1=y(value), y2=y(value), class_='grid'))
        texts.append(words(short(value), left - 5, y(value) + 3.5, text_anchor='end'))
    for value in x.ticks(6, whole=True):
        texts.append(words(short(value), x(value), bottom + 14, text_anchor='middle'))
    frame = tag('path', d=f'M{left} {top}V{bottom}H{right}', class_='axis')
    name = words(x_label, right, bottom + 27, text_anchor='end')
    return ''.join([*lines, frame, *texts, name])


def _line(series: Series, x: Scale, y: Scale) -> str:
    places = [(x(a), y(b)) for a, b in series.points]
    parts = []
    if series.line and places:
        parts.append(tag('path', d=_path(places, series.stepped), fill='none', stroke=series.colour,
                         stroke_width=1.8, stroke_dasharray=_DASHES[series.line]))
    for i, (filled, place) in enumerate(zip(series.marks or (), places, strict=False)):
        disc = tag('circle', cx=place[0], cy=place[1], r=4, stroke=series.colour, stroke_width=1.6,
                   fill=series.colour if filled else '#ffffff')
        parts.append(spot(series.tips[i], disc) if series.tips else disc)
    return ''.join(parts)


def _path(places: Sequence[tuple[float, float]], stepped: bool) -> str:
    start, *rest = places
    drawn = [f'M{start[0]:.2f} {start[1]:.2f}']
    for a, b in rest:
        drawn.append(f'H{a:.2f}V{b:.2f}' if stepped else f'L{a:.2f} {b:.2f}')
    return ''.join(drawn)


def _lane(lane, marks: Sequence[Mark], x: Scale, y: float, described: bool) -> str:
    kind, letter, shape, colour = lane
    parts = [words(letter, LEFT - 5, y + 4, text_anchor='end', fill=colour, font_weight='bold'),
             tag('line', x1=x.start, x2=x.end, y1=y, y2=y, class_='grid')]
    for mark in marks:
        if mark.kind == kind:
            drawn = tag('path', d=_shape(shape, x(mark.step), y), fill=colour)
            parts.append(spot(mark.tip, drawn) if described else drawn)
    return ''.join(parts)


def _shape(shape: str, x: float, y: float, size: float = 4.) -> str:
    if shape == 'triangle':
        return f'M{x:.2f} {y - size:.2f}l{size} {2 * size}h{-2 * size}z'
    if shape == 'square':
        return f'M{x - size:.2f} {y - size:.2f}h{2 * size}v{2 * size}h{-2 * size}z'
    arcs = ''.join(f'a{size} {size} 0 1 0 {way} 0' for way in (2 * size, -2 * size))
    return f'M{x - size:.2f} {y:.2f}{arcs}z'


def _key(series: Sequence[Series]) -> tuple[str, float]:
    """Return sample and label of each line, in rows that fit; and their height."""
    parts: list[str] = []
    x, y = float(LEFT), 10.
    for s in series if len(series) > 1 else ():
        width = 38 + 6.2 * len(s.label)
        if x > LEFT and x + width > WIDTH:
            x, y = float(LEFT), y + 15
        if s.line:
            parts.append(tag('line', x1=x, x2=x + 20, y1=y, y2=y, stroke=s.colour, stroke_width=1.8,
                             stroke_dasharray=_DASHES[s.line]))
        for filled in sorted(set(s.marks or ()))[-1:]:
            parts.append(tag('circle', cx=x + 10, cy=y, r=4, stroke=s.colour, stroke_width=1.6,
                             fill=s.colour if filled else '#ffffff'))
        parts.append(words(s.label, x + 25, y + 3.5))
        x += width
    return ''.join(parts), y + 8
