"""Draws importance over the searches as SVG: a row a search, a column a bin of |γ|."""
import math
from collections.abc import Mapping, Sequence
from typing import Any

from ...engine.run.progress import unit_name
from ...search.histogram import quantile
from ..style import COLOURS, shade
from .svg import picture, spot, tag, words

WIDTH, LEFT, TOP, BIN = 400, 46, 8, 9.6


def importance_charts(searches: Sequence[Mapping[str, Any]], edges: Sequence[float],
                      threshold: float | None) -> list[str]:
    """Return a figure for each kernel size and for tokens.

    Args:
        searches (Sequence[Mapping]): Search events with ``importance``, oldest first.
        edges (Sequence[float]): Ends of the bins.
        threshold (float, optional): ε, drawn as a line.
    """
    labels = sorted({label for search in searches for label in search['importance']},
                    key=lambda label: (label == '0', int(label)))
    return [_chart(label, searches, edges, threshold) for label in labels]


def _chart(label: str, searches: Sequence[Mapping[str, Any]], edges: Sequence[float],
           threshold: float | None) -> str:
    pitch = max(7., min(22., 150 / len(searches)))
    bottom = TOP + pitch * len(searches)
    title = f'{unit_name(int(label))}: share of units by |γ|'
    rows = [_row(search, search['importance'].get(label, [0] * (len(edges) - 1)), edges, threshold,
                 TOP + pitch * i, pitch) for i, search in enumerate(searches)]
    every = max(1, round(len(searches) * 11 / (bottom - TOP)) if pitch < 11 else 1)
    names = [words(search['step'], LEFT - 5, TOP + pitch * (i + 0.5) + 3.5, text_anchor='end')
             for i, search in enumerate(searches) if i % every == 0]
    lowest, per_bin = math.log10(edges[0]), math.log10(edges[1] / edges[0])
    ends = [words(f'1e{n}', LEFT + (n - lowest) / per_bin * BIN, bottom + 14, text_anchor='middle')
            for n in range(round(lowest), round(math.log10(edges[-1])) + 1)]
    line = ''
    if threshold:
        x = LEFT + (math.log10(threshold) - lowest) / per_bin * BIN
        line = tag('line', x1=x, x2=x, y1=TOP, y2=bottom, stroke=COLOURS[1], stroke_width=1.6,
                   stroke_dasharray='5 3')
    return tag('figure', tag('figcaption', title), picture(
        WIDTH, bottom + 20, title, *rows, line, *names, *ends, class_='chart'))


def _row(search: Mapping[str, Any], counts: Sequence[int], edges: Sequence[float],
         threshold: float | None, y: float, pitch: float) -> str:
    units, most = sum(counts), max(counts, default=0)
    boxes = [tag('rect', x=LEFT + BIN * i, y=y, width=BIN, height=pitch - 0.5,
                 fill=shade(math.sqrt(n / most))) for i, n in enumerate(counts) if n]
    ground = tag('rect', x=LEFT, y=y, width=BIN * (len(edges) - 1), height=pitch - 0.5,
                 fill='#eeeeee')
    gone = sum(n for n, end in zip(counts, edges[1:], strict=True)
               if threshold and end <= threshold * 1.001)
    below = f', {gone / units:.1%} below the threshold' if threshold and units else ''
    median = f', median {quantile(list(counts), 0.5):.2g}' if units else ''
    return spot(f'before the search at {search["step"]}: {units:,} units{below}{median}',
                ground, *boxes)
