"""Lists the points and lines of a study's figure, as plain rows."""
import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass, fields
from typing import Any

OURS, PAPER = 'this project', 'paper'
#: Rows that are no method's: lines across a chart of curves.
REFERENCES = ('chance', 'dense', 'search')


@dataclass(frozen=True)
class Point:
    """Is one score in a figure.

    Attributes:
        section (str): Title of the section.
        series (str): Label of its curve; of a row that is on none, of the row.
        run (str): Name of the run.
        source (str): :data:`OURS` or :data:`PAPER`.
        metric (str): The metric of ``score``.
        macs (float, optional): Multiply-adds of the dense network times the share of weights kept,
            as the paper counts; None where they are not known.
        score (float): Mean over seeds.
        low, high (float): Smallest and largest value over seeds.
    """
    section: str
    series: str
    run: str
    source: str
    metric: str
    macs: float | None
    score: float
    low: float
    high: float


def figure_points(table: Mapping[str, Any]) -> list[Point]:
    """Return all points of a filled table's figure, by its sections' first metrics."""
    return [point for section in table['sections'] for point in section_points(section)]


def section_points(section: Mapping[str, Any]) -> list[Point]:
    """Return a section's points: of its curves those whose MACs are known, and lines across them.

    Of a section without curves all rows are points.
    """
    by_run = {row['run']: row for row in section['rows']}
    curves = [point for label, runs in section['curves'].items() for run in runs if run in by_run
              for point in _points(section, label, by_run[run]) if point.macs]
    others = [point for row in section['rows'] for point in _points(section, row['label'], row)
              if not section['curves'] or (is_reference(row['run']) and point.source == OURS)]
    return curves + others


def as_csv(points: list[Point]) -> str:
    """Return one line a point, for spreadsheets."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator='\n')
    writer.writerow([field.name for field in fields(Point)])
    writer.writerows(map(astuple, points))
    return out.getvalue()


def is_reference(run: str) -> bool:
    """Return whether a run belongs to no method, but is one that methods are compared with."""
    return run.rpartition('.')[2] in REFERENCES


def _points(section: Mapping[str, Any], label: str, row: Mapping[str, Any]) -> Iterator[Point]:
    metric = section['metrics'][0]
    values, reported = row['metrics'][metric], row['paper'].get(metric)
    if values['mean'] is not None:
        yield Point(section['title'], label, row['run'], OURS, metric, row['costs']['macs_density'],
                    values['mean'], values['min'], values['max'])
    if reported is not None:
        yield Point(section['title'], label, row['run'], PAPER, metric, row['paper'].get('macs'),
                    reported, reported, reported)
