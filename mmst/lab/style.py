"""Defines the look of all figures of this project: colours, markers, lines.

Colours are Okabe and Ito's, which colour-blind readers can tell apart; in print without colour,
markers and lines differ as well. Shares are shown in cividis, whose lightness rises steadily.
"""
import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import cycle, islice
from typing import Any

COLOURS = ('#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#000000')
MARKERS = 'osD^vPX'
LINES = ('-', '--', '-.', ':', (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))
HATCHES = ('', '///', '...', 'xxx', '\\\\\\', '+++', 'ooo')
GREY = '#595959'
PALE = '#d9d9d9'

_SETTINGS: Any = {
    'font.size': 9, 'axes.titlesize': 10, 'axes.labelsize': 9, 'legend.fontsize': 8,
    'axes.spines.top': False, 'axes.spines.right': False, 'axes.grid': True, 'grid.alpha': 0.3,
    'axes.axisbelow': True, 'lines.linewidth': 1.4, 'lines.markersize': 5.5, 'errorbar.capsize': 3,
    # Letters, not outlines: a reader can search an SVG. Fixed ids: the same data, the same file.
    'svg.fonttype': 'none', 'svg.hashsalt': 'mmst'}


@contextmanager
def plot_style() -> Iterator[Any]:
    """Style matplotlib's pyplot, without a display; the caller's settings come back."""
    import matplotlib
    matplotlib.use('Agg')
    import matplotlib.pyplot as plt
    with plt.rc_context(_SETTINGS):
        yield plt


def as_pictures(figure: Any) -> dict[str, bytes]:
    """Return a figure as ``png`` and ``svg``; without dates, so that equal ones are equal files."""
    pictures = {}
    for ending, metadata in (('png', {}), ('svg', {'Date': None})):
        buffer = io.BytesIO()
        figure.savefig(buffer, format=ending, dpi=110, metadata=metadata)
        pictures[ending] = buffer.getvalue()
    return pictures


def curve_styles(count: int) -> tuple[dict[str, Any], ...]:
    """Return the colour, marker and line of each of ``count`` curves; the first seven differ in all
    three.
    """
    styles = cycle(zip(COLOURS, MARKERS, LINES, strict=True))
    return tuple(dict(color=colour, marker=marker, linestyle=line)
                 for colour, marker, line in islice(styles, count))


def shade(share: float) -> str:
    """Return cividis' colour of a share between 0 (dark) and 1 (light), as ``#rrggbb``."""
    return _cividis()[round(255 * min(1., max(0., share)))]


@cache
def _cividis() -> tuple[str, ...]:
    from matplotlib import colormaps
    from matplotlib.colors import to_hex
    return tuple(to_hex(colormaps['cividis'](i)) for i in range(256))


def ink_on(colour: str) -> str:
    """Return the readable one of black and white on ``#rrggbb`` (WCAG's relative luminance)."""
    channels = [int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055)**2.4 for c in channels]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return '#000000' if luminance > 0.179 else '#ffffff'
