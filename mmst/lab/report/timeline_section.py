"""Writes the section about the run's steps: events, accuracy, sparsity, MACs, loss."""
from collections.abc import Mapping, Sequence
from typing import Any

from ...costs.table import SHOWN
from ...engine.run.events import describe_event
from ..style import COLOURS, GREY
from .charts import Mark, Series, line_chart
from .collect import RunData
from .html import fold, table
from .svg import tag, text

Points = list[tuple[float, float]]
CHANGES = ('search', 'prune', 'reactivate')


def timeline_section(data: RunData) -> str:
    """Return charts with the run's events below each, and all of it as tables."""
    marks = [Mark(e['kind'], e['step'], _describe(data.unit, e)) for e in data.of_kind(*CHANGES)]
    end = max(data.run.get('steps', 0), data.reached)
    charts = [chart for chart in (_accuracy(data), _sparsity(data), _macs(data), _loss(data))
              if chart]
    drawn = [line_chart(title, data.unit, end, series, marks, described=not i, zero=zero)
             for i, (title, series, zero) in enumerate(charts)]
    key = 'S: search, P: prune, R: reactivation of pruned weights.'
    return ''.join([
        tag('p', key, class_='note'), tag('div', *drawn, class_='charts'), _tables(data)])


def primary_metric(entries: Sequence[Mapping[str, Any]]) -> str | None:
    """Return the metric that accuracy is shown by: the task's main one."""
    names = {name for e in entries if e['kind'] == 'evaluate' for name in e['metrics']}
    return next((name for name in SHOWN if name in names), min(names, default=None))


def _accuracy(data: RunData):
    name = primary_metric(data.entries)
    if name is None:
        return None
    found = [e for e in data.of_kind('evaluate') if name in e['metrics']]
    tips = [f'{data.unit} {e["step"]}: {name} {e["metrics"][name]:.4g} at {e["sparsity"]:.1%} '
            f'sparsity{"" if e["at_target"] else ", interim"}' for e in found]
    line = Series(name, [(e['step'], e['metrics'][name]) for e in found], COLOURS[0],
                  marks=[e['at_target'] for e in found], tips=tips)
    return f'{text(name)} (filled: at the target sparsity, hollow: interim)', [line], True


def _sparsity(data: RunData):
    points: Points = [(0, 0.)]
    for e in data.of_kind('prune', 'reactivate'):
        points.append((e['step'], 100 * e['sparsity'] if e['kind'] == 'prune' else 0.))
    if len(points) == 1:
        return None
    points.append((data.reached, points[-1][1]))
    series = [Series('in force', points, COLOURS[1], stepped=True)]
    target = data.run.get('target')
    if target is not None:
        end = max(data.run.get('steps', 0), data.reached)
        series.append(Series('target', [(0, 100 * target), (end, 100 * target)], GREY, '--'))
    return 'sparsity, % of the prunable weights', series, True


def _macs(data: RunData):
    begin = data.supernet['macs'] if data.supernet else None
    looked = [e for e in data.entries if 'macs' in e.get('state', {})]
    searched = [(e['step'], e['state']['macs']) for e in looked]
    kept = [(e['step'], e['state']['sparse_macs']) for e in looked]
    searched = searched or [(e['step'], e['macs']) for e in data.of_kind('search')]
    if not searched:
        return None
    lines = [('network', searched, COLOURS[0], '-'), ('kept weights only', kept, COLOURS[2], '--')]
    series = [Series(label, [(0, begin)] * (begin is not None) + points
                     + [(data.reached, points[-1][1])], colour, line, stepped=True)
              for label, points, colour, line in lines if points]
    shape = data.run.get('input_shape')
    at = f' at {shape[0]}x{shape[1]}' if shape else ''
    return f'multiply-adds (MACs){at}', series, True


def _loss(data: RunData):
    if not data.losses:
        return None
    return 'training loss', [Series('loss', data.losses, GREY)], True


def _describe(unit: str, event: Mapping[str, Any]) -> str:
    return f'{unit} {event["step"]}: {describe_event(event)}'


def _tables(data: RunData) -> str:
    events = [[e['step'], e['kind'], _sentence(e)] for e in data.entries]
    losses = [[f'{step:g}', repr(loss)] for step, loss in data.losses]
    folds = [('All events', table([data.unit, 'event', ''], events)),
             ('Logged losses', table([data.unit, 'loss'], losses) if losses else '')]
    return ''.join(fold(name, content)
                   for name, content in folds if content)


def _sentence(event: Mapping[str, Any]) -> str:
    if event['kind'] != 'evaluate':
        return describe_event(event)
    described = ', '.join(f'{name} {value!r}' for name, value in event['metrics'].items())
    return (f'{described} at {event["sparsity"]:.4%} sparsity, '
            f'{"the target" if event["at_target"] else "interim"}')
