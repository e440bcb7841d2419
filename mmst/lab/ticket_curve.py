"""Draws accuracy against milliseconds of several tickets of one task."""
import csv
import io
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from .. import files
from .style import COLOURS, as_pictures, plot_style


@dataclass(frozen=True)
class Level:
    """Is one ticket in the figure.

    Attributes:
        ticket (str): Path of its file.
        sparsity (float): Share of the prunable weights that is pruned.
        score (float): Of the metric that is drawn.
        milliseconds (float): For one image, on this machine.
    """
    ticket: str
    sparsity: float
    score: float
    milliseconds: float


def write_curve(levels: Sequence[Level], metric: str, caption: str, name: str,
                folder: Path) -> list[Path]:
    """Write ``NAME.png``, ``.svg`` and the numbers as ``NAME.csv``; returns the paths.

    Args:
        levels (Sequence[Level]): The tickets.
        metric (str): Name of the score.
        caption (str): Names the machine and the engine of the milliseconds.
        name (str): Of the files.
        folder (Path): Where they go.
    """
    found = sorted(levels, key=lambda level: level.milliseconds)
    written = {f'{name}.{ending}': data
               for ending, data in _pictures(found, metric, caption).items()}
    written[f'{name}.csv'] = _as_csv(found, metric)
    files.write_together({folder / file: data for file, data in written.items()})
    return [folder / file for file in written]


def _pictures(levels: Sequence[Level], metric: str, caption: str) -> dict[str, bytes]:
    with plot_style() as plt:
        figure, axis = plt.subplots(layout='constrained', figsize=(6, 4.2))
        axis.plot([level.milliseconds for level in levels], [level.score for level in levels],
                  marker='o', color=COLOURS[0])
        for level in levels:
            axis.annotate(f'{level.sparsity:.0%}', (level.milliseconds, level.score), (0, 7),
                          textcoords='offset points', ha='center', fontsize=8)
        axis.set(xlabel='milliseconds', ylabel=metric)
        axis.set_title(caption, fontsize=9)
        axis.margins(0.12)
        pictures = as_pictures(figure)
        plt.close(figure)
    return pictures


def _as_csv(levels: Sequence[Level], metric: str) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator='\n')
    writer.writerow([metric if field.name == 'score' else field.name for field in fields(Level)])
    writer.writerows(map(astuple, levels))
    return out.getvalue().encode()
