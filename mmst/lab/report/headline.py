"""Writes the run's main figures, and those of its baselines."""
from collections.abc import Iterator

from ...costs.table import cell
from ..baselines import Baseline
from .collect import RunData
from .html import table
from .svg import tag, text
from .timeline_section import primary_metric


def headline(data: RunData) -> str:
    """Return the run's figures as tiles, and a table with a row for each baseline."""
    tiles = [tag('div', tag('span', text(value), class_='value'), tag('span', text(name)),
                 class_='tile') for name, value in _figures(data)]
    return tag('div', tag('div', *tiles, class_='tiles'), _compare(data), class_='headline')


def _figures(data: RunData) -> Iterator[tuple[str, str]]:
    metric, score, interim = _score(data)
    if score is not None:
        yield f'{metric}{", interim" if interim else ""}', f'{score:.4g}'
    sparsity = data.summary['sparsity'] if data.summary else data.state.get('sparsity')
    if sparsity is not None:
        yield 'sparsity', f'{sparsity:.1%}'
    params, macs = _kept_costs(data)
    if params is not None and macs is not None:
        yield 'parameters kept', f'{params / 1e6:.3f} M'
        yield 'MACs of kept weights', f'{macs / 1e9:.4f} G'


def _compare(data: RunData) -> str:
    """Return the table; without measured ones, the run's own supernet is the baseline."""
    own = Baseline('this run, kept weights', _score(data)[1], *_kept_costs(data))
    before = data.supernet
    found = data.baselines or ([Baseline('supernet, before the search', None, before['params'],
                                         before['macs'])] if before else [])
    if not found or own.params is None:
        return ''
    metric = _score(data)[0] or 'score'
    return table(['', metric, 'parameters (M)', 'MACs (G)'], [
        [row.name, cell(row.score, 1, 2), cell(row.params, 1e6, 3), cell(row.macs, 1e9, 4)]
        for row in [*found, own]])


def _score(data: RunData) -> tuple[str | None, float | None, bool]:
    """Return the main metric, its last value, and whether that is an interim one."""
    metric = primary_metric(data.entries)
    found = [e for e in data.of_kind('evaluate') if metric in e['metrics']]
    if not found:
        return metric, None, False
    return metric, found[-1]['metrics'][metric], not found[-1]['at_target']


def _kept_costs(data: RunData) -> tuple[float | None, float | None]:
    """Return parameters and multiply-adds of the kept weights."""
    if data.summary:
        return data.summary['params']['sparse'], data.summary['macs']['sparse']
    return data.state.get('nonzero'), data.state.get('sparse_macs')
