"""A filled table as a figure: ours on the left, the paper's on the right."""
import io
from pathlib import Path
from typing import Any, List, Mapping

from .. import files

#: Okabe and Ito's colours, which colour-blind readers can tell apart; shapes differ as well.
COLOURS = ('#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#000000', '#F0E442')
MARKERS = 'osD^vPX*'
GREY = '#777777'


def write_figures(table: Mapping[str, Any], folder: Path) -> List[Path]:
    """Write ``STUDY.png`` and ``.svg`` into a folder; returns their paths."""
    import matplotlib
    matplotlib.use('Agg')
    import matplotlib.pyplot as plt
    sections = table['sections']
    heights = [4.2 if s['curves'] else 1.2 + 0.32 * len(s['rows']) for s in sections]
    figure, axes = plt.subplots(len(sections), 2, squeeze=False, layout='constrained',
                                figsize=(11, sum(heights) + 0.6),
                                gridspec_kw=dict(height_ratios=heights))
    for pair, section in zip(axes, sections):
        draw = _curves if section['curves'] else _points
        draw(pair, section)
        pair[0].set_title(f'{section["title"]}: this project, size {table["size"]}', fontsize=10)
        pair[1].set_title('the paper\'s', fontsize=10)
    figure.suptitle(table['title'], fontsize=11)
    written = []
    for ending in ('png', 'svg'):
        buffer = io.BytesIO()
        # No dates in the file: the same table gives the same picture.
        figure.savefig(buffer, format=ending, dpi=110,
                       metadata={'Date': None} if ending == 'svg' else {})
        path = folder / f'{table["study"]}.{ending}'
        files.write_bytes(path, buffer.getvalue())
        written.append(path)
    plt.close(figure)
    return written


def _points(axes, section: Mapping[str, Any]) -> None:
    """A point a row: the mean with the range over seeds; the paper's beside."""
    rows, metric = section['rows'], section['metrics'][0]
    for place, row in enumerate(rows):
        values = row['metrics'][metric]
        if values['mean'] is not None:
            axes[0].errorbar(values['mean'], place, xerr=_range(values), fmt='o', capsize=4,
                             color=COLOURS[0])
        if row['paper'].get(metric) is not None:
            axes[1].plot(row['paper'][metric], place, 's', color=COLOURS[1])
    for axis in axes:
        axis.set_ylim(len(rows) - 0.5, -0.5)
        axis.set_xlabel(metric)
        axis.grid(axis='x', alpha=0.3)
    axes[0].set_yticks(range(len(rows)), [row['label'] for row in rows], fontsize=8)
    axes[1].set_yticks(range(len(rows)), [])


def _curves(axes, section: Mapping[str, Any]) -> None:
    """Score against MACs, a curve a method; dense, searched and chance as lines across."""
    metric, by_run = section['metrics'][0], {row['run']: row for row in section['rows']}
    for i, (label, runs) in enumerate(section['curves'].items()):
        style = dict(color=COLOURS[i % len(COLOURS)], marker=MARKERS[i % len(MARKERS)], label=label,
                     markersize=5)
        found = sorted((row for row in map(by_run.get, runs) if row['costs']['macs_density']
                        and row['metrics'][metric]['mean'] is not None),
                       key=lambda row: row['costs']['macs_density'])
        if found:
            scores = [row['metrics'][metric] for row in found]
            ranges = [sum(side, []) for side in zip(*map(_range, scores))]
            axes[0].errorbar([row['costs']['macs_density'] / 1e6 for row in found],
                             [score['mean'] for score in scores], yerr=ranges, capsize=3, **style)
        told = [row['paper'] for row in map(by_run.get, runs)
                if {'macs', metric} <= row['paper'].keys()]
        if told:
            axes[1].plot([p['macs'] / 1e6 for p in told], [p[metric] for p in told], **style)
    _across(axes[0], section, metric)
    for axis in axes:
        axis.set_xlabel('MACs x density (millions)')
        axis.set_ylabel(metric)
        axis.grid(alpha=0.3)
        if axis.lines or axis.containers:
            axis.set_xscale('log')
            axis.legend(fontsize=7)
        else:
            axis.text(0.5, 0.5, 'no figures in the text', ha='center', transform=axis.transAxes)


def _across(axis, section: Mapping[str, Any], metric: str) -> None:
    styles = dict(chance=':', dense='-', search='--')
    for row in section['rows']:
        value, style = row['metrics'][metric]['mean'], styles.get(row['run'].rpartition('.')[2])
        if value is not None and style:
            axis.axhline(value, color=GREY, linestyle=style, linewidth=1, label=row['label'])


def _range(values: Mapping[str, Any]) -> List[List[float]]:
    return [[values['mean'] - values['min']], [values['max'] - values['mean']]]
