"""Draws several studies' tables in one figure."""
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ... import files
from ...errors import config_error

_SECTION = ('title', 'data', 'metrics', 'rows', 'curves')


def read_table(path: Path) -> dict[str, Any]:
    """Return a table as ``mmst study`` and ``mmst sweep`` have written it.

    Raises:
        ConfigError: It is not there, or something else.
    """
    remedy = 'give the STUDY.json of a tables folder'
    if not path.is_file():
        raise config_error('TABLE', str(path), 'no such file', remedy)
    try:
        table = files.parse_json(files.read_text(path))
        sections, _ = table['sections'], (table['study'], table['size'], table['title'])
        for section in sections:
            [section[name] for name in _SECTION]
    except (ValueError, KeyError, TypeError) as error:
        raise config_error('TABLE', str(path), f'is no table of a study ({error!r})',
                           remedy) from error
    return table


def merge(name: str, tables: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return one table: sections of the same data set and metric become one, with the curves of
    all.

    Args:
        name (str): Of the figure.
        tables (Sequence[Mapping]): Of :func:`read_table`.

    Raises:
        ConfigError: They are of different sizes, whose levels cannot be compared, or two have
            different results of a run.
    """
    sizes = sorted({table['size'] for table in tables})
    if len(sizes) > 1:
        raise config_error('TABLE', ', '.join(sizes), 'are different sizes, whose scores cannot be '
                           'compared', 'give tables of one size')
    sections: dict[Any, dict[str, Any]] = {}
    for table in tables:
        for section in table['sections']:
            key = section['data'], section['metrics'][0], bool(section['curves'])
            merged = sections.setdefault(key, dict(section, rows=[], curves={}))
            _add(merged, section)
    titles = list(dict.fromkeys(table['title'] for table in tables))
    return dict(study=name, title='; '.join(titles), size=sizes[0],
                sections=list(sections.values()))


def _add(merged: dict[str, Any], section: Mapping[str, Any]) -> None:
    by_run = {row['run']: row for row in merged['rows']}
    for row in section['rows']:
        known = by_run.get(row['run'])
        if known is not None and known['metrics'] != row['metrics']:
            raise config_error('TABLE', row['run'], 'has other results in another table',
                               'fill the tables again from the same records')
        if known is None:
            merged['rows'].append(row)
    for label, runs in section['curves'].items():
        known_runs: list[str] = merged['curves'].setdefault(label, [])
        known_runs += [run for run in runs if run not in known_runs]
