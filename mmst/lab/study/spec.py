"""Reads a study file into values; nothing is run here."""
import os.path as osp
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...errors import ConfigError, config_error
from ...openmmlab.config_bases import read_with_bases
from ...tickets.plain_data import as_plain_data
from .grid import expand

#: Files of another run that a run may need: ticket, family, last checkpoint, rewind points or neck.
ROLES = ('ticket', 'family', 'checkpoint', 'rewind', 'neck')
TOOLS = ('train', 'prune', 'retrain', 'lottery', 'transfer', 'export', 'chance')
#: Rows that every section of every table begins with, by the end of the run's name.
FIXED_ROWS = (('chance', 'Chance (constant answer)'), ('dense', 'Dense supernet'),
              ('search', 'Searched, not pruned'))


@dataclass(frozen=True)
class Run:
    """Is one call of a tool.

    Attributes:
        name (str): ``DATA.WHAT``, e.g. ``cityscapes.st_p90``.
        tool (str): One of :data:`TOOLS`.
        data (str): Which config of the size it uses.
        needs (Mapping): One of :data:`ROLES` to the name of the run that it takes this from.
        options (Mapping): Changes to the config.
        arguments (Mapping): Of the tool.
    """
    name: str
    tool: str
    data: str
    needs: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """Is a run's line in a table, with the paper's numbers for it."""
    label: str
    run: str
    paper: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Section:
    """Is part of a table: one data set, its metrics and rows; its curves, where it is a figure's.
    """
    title: str
    data: str
    metrics: Sequence[tuple[str, str, float]]
    rows: Sequence[Row]
    curves: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Claim:
    """Is an ordering that the paper reports: ``higher`` scores above ``lower``."""
    text: str
    higher: str
    lower: str


@dataclass(frozen=True)
class Study:
    """Holds a table or a figure and the runs that it is made of."""
    name: str
    title: str
    source: str
    seeds: Sequence[int]
    runs: Mapping[str, Run]
    sections: Sequence[Section]
    claims: Sequence[Claim]

    def row_names(self) -> list[str]:
        """Return the names of the runs that are rows, in their order."""
        return list(dict.fromkeys(row.run for section in self.sections for row in section.rows))


def read_settings(path: Path, kind: str, remedy: str) -> dict[str, Any]:
    """Return a Python, YAML or JSON file as plain data.

    Raises:
        ConfigError: It is not there or cannot be read.
    """
    if not osp.isfile(path):
        raise config_error(kind, str(path), 'no such file', remedy)
    try:
        content = as_plain_data(read_with_bases(path).to_dict())
    except ConfigError:
        raise
    except (Exception, SystemExit) as error:  # Reading runs the file: anything can be wrong.
        raise config_error(kind, str(path), f'cannot be read ({type(error).__name__}: {error})',
                           'correct the file') from error
    # Names in capitals, or with _ before them, are the file's own.
    return {key: value for key, value in content.items() if key[:1].islower()}


def parse_study(name: str, content: Mapping[str, Any]) -> Study:
    """Return the study of a file's content.

    Raises:
        ConfigError: An entry is missing or unknown, or a name stands for two runs.
    """
    check_known(name, content, ('runs', ),
          ('sections', 'grid', 'title', 'source', 'seeds', 'claims', 'metrics', 'paper'))
    drawn, reported = _grid(content.get('grid'))
    shown = [*drawn, *(content.get('sections') or ())]
    if not shown:
        raise ConfigError(f'{name}: it has neither sections nor a grid: nothing would be shown. '
                          'Remedy: add one of them.')
    runs: dict[str, Run] = {}
    for entry in content['runs']:
        run = parse_run(entry)
        if run.name in runs:
            raise config_error('runs', run.name, 'is the name of two runs', 'rename one')
        runs[run.name] = run
    sections = [_section(entry, content, runs) for entry in shown]
    claims = []
    for entry in (*reported, *(content.get('claims') or ())):
        check_known('claims', entry, ('text', 'higher', 'lower'))
        claims.append(Claim(**entry))
    return Study(name, content.get('title', name), content.get('source', ''),
                 tuple(content.get('seeds') or (0, )), runs, sections, claims)


def parse_run(entry: Mapping[str, Any]) -> Run:
    """Return a run of its entry ``dict(name=…, tool=…, ROLE=OTHER_RUN, options=…, arguments=…)``.

    Raises:
        ConfigError: An entry is missing or unknown.
    """
    check_known('runs', entry, ('name', 'tool'), ('data', 'options', 'arguments', *ROLES))
    if entry['tool'] not in TOOLS:
        raise config_error(f'runs.{entry["name"]}.tool', entry['tool'], 'no such tool',
                           f'use one of {", ".join(TOOLS)}')
    if entry['tool'] == 'export' and not entry.get('family'):
        raise config_error(f'runs.{entry["name"]}.family', None, 'only levels of a family are '
                           'exported', 'name the run that trains the family')
    if entry['tool'] != 'export' and entry.get('family'):
        raise config_error(f'runs.{entry["name"]}.family', entry['family'], f'tools/{entry["tool"]}'
                           '.py takes no level of a family', "use tool='export', and its ticket")
    return Run(entry['name'], entry['tool'], entry.get('data') or entry['name'].partition('.')[0],
               {role: entry[role] for role in ROLES if entry.get(role)},
               entry.get('options') or {}, entry.get('arguments') or {})


def _grid(grid: Any) -> tuple[list, list]:
    if grid is None:
        return [], []
    check_known('grid', grid, ('data', 'ratios', 'curves', 'above'))
    return expand(grid)


def _section(entry: Mapping[str, Any], content: Mapping[str, Any],
             runs: Mapping[str, Run]) -> Section:
    check_known('sections', entry, ('title', 'data'), ('rows', 'curves', 'metrics'))
    data, reported = entry['data'], content.get('paper') or {}
    chosen = entry.get('metrics') or (content.get('metrics') or {}).get(data)
    if not chosen:
        raise config_error(f'sections.{data}.metrics', None, 'nothing to fill the table with',
                           'list them, e.g. [(\'mIoU\', \'mIoU\', 1)]')
    rows = [Row(label, f'{data}.{end}') for end, label in FIXED_ROWS if f'{data}.{end}' in runs]
    curves = {}
    for given in entry.get('curves') or ():
        check_known('curves', given, ('label', 'runs'))
        curves[given['label']] = list(given['runs'])
        rows += [Row(f'{given["label"]}, {ratio_of(run)}', run, reported.get(run) or {})
                 for run in given['runs']]
    for given in entry.get('rows') or ():
        check_known('rows', given, ('label', 'run'), ('paper', ))
        rows.append(Row(given['label'], given['run'],
                        given.get('paper') or reported.get(given['run']) or {}))
    labels = [row.label for row in rows]
    twice = next((label for label in labels if labels.count(label) > 1), None)
    if twice:
        raise config_error(f'sections.{data}', twice, 'is the label of two rows', 'rename one')
    return Section(entry['title'], data, [tuple(metric) for metric in chosen], rows, curves)


def ratio_of(name: str) -> str:
    """Return ``'90%'`` of ``cityscapes.st_p90_rt``; empty where the name tells none."""
    parts = [p[1:] for p in name.split('_') if p[:1] == 'p' and p[1:].isdigit()]
    return f'{parts[-1]}%' if parts else ''


def check_known(key: str, entry: Any, needed: Sequence[str], more: Sequence[str] = ()) -> None:
    """Refuse an entry that lacks a key, or has one that nobody reads."""
    if not isinstance(entry, Mapping):
        raise config_error(key, entry, 'must be a dict', f'give {", ".join(needed)}')
    for name in needed:
        if name not in entry:
            raise ConfigError(f'{key}: {name} is missing in {_short(entry)}. Remedy: add it.')
    for name in entry:
        if name not in (*needed, *more):
            raise config_error(f'{key}.{name}', entry[name], 'nobody reads it',
                               f'use {", ".join((*needed, *more))}')


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) < 80 else f'{text[:76]} ...'
