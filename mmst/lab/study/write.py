"""Writes a filled table as Markdown, CSV and JSON."""
import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ... import files
from .figure import figures

NOTES = '''\
Scores are means over seeds, the smallest and the largest value in brackets. MACs in millions: of
the network after the search as if it were dense; times the share of weights kept, as the paper
counts; counted layer by layer. Differences are taken between runs of the same seed. An ordering
"holds" where all seeds agree, there are three or more, and the mean difference exceeds the spread
of the dense network over seeds.'''
SMALL = '''\
These runs are of another size than the paper's (other data, a narrower network, fewer steps):
orderings can be compared with the paper's, levels cannot.'''

ABSENT = '''\
{} classes of the head have no label in the evaluated data. One pixel predicted as such a class
counts with an IoU of 0, so the means over classes (mIoU) are too low, by more in one run than in
another: until they are measured again with a head of the classes that occur, no ordering of them is
resolved.'''

UNPAIRED = '''\
A star marks orderings in which the two runs of a seed were computed by different processors, or one
of them began with another result of an earlier run than the recorded one. Rounding differs between
processors, and with it the run after some steps, as by another seed: such differences vary like
those of runs that have nothing in common.'''


def write_results(table: Mapping[str, Any], folder: Path) -> list[Path]:
    """Write the table and the figure into a folder, whole or not at all; returns the paths."""
    contents = {folder / name: data for name, data in {**tables(table), **figures(table)}.items()}
    files.write_together(contents)
    return list(contents)


def tables(table: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the contents of ``STUDY.md``, ``.csv`` and ``.json``."""
    texts = dict(md=markdown(table), csv=as_csv(table), json=json.dumps(table, indent=2) + '\n')
    return {f'{table["study"]}.{ending}': text.encode() for ending, text in texts.items()}


def markdown(table: Mapping[str, Any]) -> str:
    """Return the table for readers."""
    lines = [f'# {table["title"]}', '', f'Size: {table["size"]}. {NOTES}']
    if table['size'] != 'full':
        lines += ['', SMALL]
    absent = max((row.get('classes_without_label', 0) for section in table['sections']
                  for row in section['rows']), default=0)
    if absent:
        lines += ['', ABSENT.format(absent)]
    if table['source']:
        lines += ['', f'Columns "paper": {table["source"]}.']
    for section in table['sections']:
        lines += ['', f'## {section["title"]}', '', *_section(section)]
    if table['claims']:
        lines += ['', '## Orderings', '']
        if any(claim['unpaired'] for claim in table['claims']):
            lines += [UNPAIRED, '']
        header = ['ordering', 'metric', 'paper', 'ours', 'difference', 'verdict']
        lines += pipes(header, map(_claim, table['claims']))
    return '\n'.join(lines) + '\n'


def _section(section: Mapping[str, Any]) -> list[str]:
    names = section['metrics']
    header = ['run', 'sparsity', 'parameters (M)', 'MACs dense', 'x density', 'per layer', 'seeds']
    for name in names:
        header += [name, f'{name}, paper']
    rows = []
    for row in section['rows']:
        cost = row['costs']
        cells = [row['label'], '-' if cost['sparsity'] is None else f'{cost["sparsity"]:.1%}',
                 _millions(cost['params'], 3), _millions(cost['macs_dense']),
                 _millions(cost['macs_density']), _millions(cost['macs_layers']),
                 str(len(row['seeds']))]
        for name in names:
            cells += [score(row['metrics'][name]), number(row['paper'].get(name))]
        rows.append(cells)
    return pipes(header, rows)


def _claim(claim: Mapping[str, Any]) -> list[str]:
    return [claim['text'], claim['metric'], ' > '.join(map(number, claim['paper'])),
            ' vs '.join(map(number, claim['ours'])),
            difference(claim['differences']) + ' \\*' * bool(claim['unpaired']), claim['verdict']]


def pipes(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return lines of a Markdown table."""
    lines = [header, ['---'] * len(header), *rows]
    return ['| ' + ' | '.join(cell.replace('|', '\\|') for cell in line) + ' |' for line in lines]


def score(values: Mapping[str, Any]) -> str:
    """Return ``'12.34 (12.01-12.66)'``; the mean alone of one seed."""
    if values['mean'] is None:
        return '-'
    if len(values['values']) < 2:
        return number(values['mean'])
    return f'{number(values["mean"])} ({number(values["min"])}-{number(values["max"])})'


def difference(values: Sequence[float]) -> str:
    """Return ``'+1.20 (+0.40 to +2.00)'``, the mean and range of differences; a dash of none."""
    if not values:
        return '-'
    mean = f'{sum(values) / len(values):+.2f}'
    return mean if len(values) < 2 else f'{mean} ({min(values):+.2f} to {max(values):+.2f})'


def number(value: float | None) -> str:
    """Return two digits, or a dash."""
    return '-' if value is None else f'{value:.2f}'


def _millions(value: float | None, digits: int = 1) -> str:
    return '-' if value is None else f'{value / 1e6:.{digits}f}'


def as_csv(table: Mapping[str, Any]) -> str:
    """Return one line a row and metric, for spreadsheets."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator='\n')
    kinds = ('sparsity', 'params', 'macs_dense', 'macs_density', 'macs_layers')
    writer.writerow(['section', 'row', 'run', *kinds, 'metric', 'seeds', 'mean', 'min', 'max',
                     'paper'])
    for section in table['sections']:
        for row in section['rows']:
            for name, values in row['metrics'].items():
                writer.writerow([
                    section['title'], row['label'], row['run'], *(row['costs'][k] for k in kinds),
                    name, len(values['values']), values['mean'], values['min'], values['max'],
                    row['paper'].get(name)])
    return out.getvalue()
