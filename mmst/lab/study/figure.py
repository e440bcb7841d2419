"""Draws a filled table as a figure: ours on the left, the paper's on the right."""
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ... import files
from ..style import COLOURS, GREY, HATCHES, PALE, as_pictures, curve_styles, plot_style
from .points import OURS, PAPER, Point, as_csv, figure_points, is_reference, section_points

_ACROSS = dict(chance=':', dense='-', search='--')


def figures(table: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the contents of ``STUDY.png``, ``.svg``, and of the points, ``STUDY_figure.csv``."""
    return {**{f'{table["study"]}.{ending}': data for ending, data in _pictures(table).items()},
            f'{table["study"]}_figure.csv': as_csv(figure_points(table)).encode()}


def write_figures(table: Mapping[str, Any], folder: Path) -> list[Path]:
    """Write them into a folder, all or none; returns the paths."""
    contents = {folder / name: data for name, data in figures(table).items()}
    files.write_together(contents)
    return list(contents)


def _pictures(table: Mapping[str, Any]) -> dict[str, bytes]:
    sections = table['sections']
    heights = [4.2 if s['curves'] else 1.3 + 0.32 * len(s['rows']) for s in sections]
    with plot_style() as plt:
        figure, axes = plt.subplots(len(sections), 2, squeeze=False, layout='constrained',
                                    figsize=(11, sum(heights) + 0.6),
                                    gridspec_kw=dict(height_ratios=heights))
        for pair, section in zip(axes, sections, strict=True):
            draw = _curves if section['curves'] else _bars
            draw(pair, section)
            pair[0].set_title(f'{section["title"]}: this project, size {table["size"]}')
            pair[1].set_title('the paper\'s')
        figure.suptitle(table['title'])
        found = as_pictures(figure)
        plt.close(figure)
    return found


def _bars(axes, section: Mapping[str, Any]) -> None:
    """Draw a bar a row, with the range over seeds, and the paper's bar next to it."""
    places = {row['run']: place for place, row in enumerate(section['rows'])}
    for axis, source, colour, hatch in ((axes[0], OURS, COLOURS[0], HATCHES[0]),
                                        (axes[1], PAPER, COLOURS[1], HATCHES[1])):
        for point in (p for p in section_points(section) if p.source == source):
            plain = is_reference(point.run)
            axis.barh(places[point.run], point.score, height=0.62, hatch=hatch, edgecolor='white',
                      color=PALE if plain else colour, linewidth=0)
            if point.low < point.high:
                axis.errorbar(point.score, places[point.run], fmt='none', ecolor='black',
                              xerr=[[point.score - point.low], [point.high - point.score]])
            axis.annotate(f'{point.score:.4g}', (point.high, places[point.run]), (4, 0),
                          textcoords='offset points', va='center', fontsize=8)
        axis.set_ylim(len(places) - 0.4, -0.6)
        axis.set_xlabel(section['metrics'][0])
        axis.grid(axis='y', visible=False)
        axis.margins(x=0.14)
        _say_if_empty(axis, source)
    axes[0].set_yticks(range(len(places)), [row['label'] for row in section['rows']], fontsize=8)
    axes[1].set_yticks(range(len(places)), [])


def _curves(axes, section: Mapping[str, Any]) -> None:
    """Draw scores against MACs, a curve a method; dense, searched and chance as lines across."""
    from matplotlib.ticker import LogLocator
    points, styles = section_points(section), curve_styles(len(section['curves']))
    for label, style in zip(section['curves'], styles, strict=False):
        for axis, source in zip(axes, (OURS, PAPER), strict=True):
            chosen = [p for p in points if (p.series, p.source) == (label, source)]
            _curve(axis, chosen, label, style)
    for point in (p for p in points if p.source == OURS and is_reference(p.run)):
        axes[0].axhline(point.score, color=GREY, linewidth=1, label=point.series,
                        linestyle=_ACROSS[point.run.rpartition('.')[2]])
    for axis, source in zip(axes, (OURS, PAPER), strict=True):
        axis.set_xlabel('MACs x density (millions)')
        axis.set_ylabel(section['metrics'][0])
        if axis.lines or axis.containers:
            axis.set_xscale('log')
            axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.xaxis.set_major_formatter('{x:g}')
            axis.legend()
        _say_if_empty(axis, source)


def _curve(axis, points: Sequence[Point], label: str, style: Mapping[str, Any]) -> None:
    found = sorted(((p.macs, p) for p in points if p.macs is not None), key=lambda pair: pair[0])
    if found:
        spread = [[p.score - p.low for _, p in found], [p.high - p.score for _, p in found]]
        axis.errorbar([macs / 1e6 for macs, _ in found], [p.score for _, p in found], yerr=spread,
                      label=label, **style)


def _say_if_empty(axis, source: str) -> None:
    if not axis.lines and not axis.containers:
        axis.set(xticks=[], yticks=[])
        axis.text(0.5, 0.5, 'no results yet' if source == OURS else 'no figures in the text',
                  ha='center', transform=axis.transAxes, color=GREY)
