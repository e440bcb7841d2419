"""Describes the changes by an event, as a table for the log."""
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...costs.table import render

WIDTH = 100
_STAGE = re.compile(r'backbone\.(?:fusions|parallels)\.(\d+)\.')
_DONE = dict(search='search', prune='prune', reactivate='reactivation',
             recalibrate='new BN statistics')


@dataclass(frozen=True)
class Progress:
    """Describes a run after the events of one step.

    Attributes:
        unit (str): ``'epoch'`` or ``'iteration'``.
        step (int): Steps done.
        steps (int): Of the whole run.
        events (Sequence[Mapping]): Those since the table before.
        state (Mapping): Of ``snapshot``.
        supernet (Mapping, optional): ``params`` and ``macs`` before the search.
        due (float, optional): Sparsity that the schedule asks for now.
        target (float, optional): Sparsity at the end.
        upcoming (Sequence[str]): The next events, in words.
    """
    unit: str
    step: int
    steps: int
    events: Sequence[Mapping[str, Any]]
    state: Mapping[str, Any]
    supernet: Mapping[str, float] | None = None
    due: float | None = None
    target: float | None = None
    upcoming: Sequence[str] = ()

    def table(self) -> str:
        """Return plain text of at most 100 columns."""
        kinds = [_DONE[e['kind']] for e in self.events if e['kind'] in _DONE]
        lines = [f'{self.unit} {self.step} of {self.steps}: {", ".join(dict.fromkeys(kinds))}']
        removed = [r for e in self.events if e['kind'] == 'search' for r in e['removed']]
        if removed:
            lines.append(units_table(removed, self.state['units']))
        if 'params' in self.state:
            lines.append(_costs_table(self.state, self.supernet))
        lines.append(self._sparsity())
        if self.upcoming:
            lines.append(f'next: {", ".join(self.upcoming)}')
        return '\n'.join(line.rstrip() for line in '\n'.join(lines).splitlines() if line.strip())

    def _sparsity(self) -> str:
        revived = sum(e['revived'] for e in self.events if e['kind'] == 'reactivate')
        shares = [f'{name} {value:.2%}' for name, value in (
              ('reached', self.state['sparsity']), ('due', self.due), ('target', self.target))
              if value is not None]
        return (f'sparsity: {", ".join(shares)}; weights reactivated: '
                f'{f"{revived:,}" if revived else "none"}')


def units_table(removed: Sequence[Mapping[str, Any]],
                units: Mapping[str, Mapping[str, int]]) -> str:
    """Return units left, and removed in brackets, by stage and kernel size.

    Args:
        removed (Sequence[Mapping]): Of a search event.
        units (Mapping): Group to its units left by kernel size (0: tokens).
    """
    left: dict[str, dict[int, int]] = {}
    gone: dict[str, dict[int, int]] = {}
    for group, counts in units.items():
        _add(left, group, counts)
    for removal in removed:
        _add(gone, removal['group'], removal['removed'])
    labels = sorted({k for sums in (*left.values(), *gone.values()) for k in sums},
                    key=lambda label: (label == 0, label))
    rows = [[stage, *(_counts(left.get(stage, {}), gone.get(stage, {}), k) for k in labels)]
            for stage in sorted({**left, **gone}, key=_place)]
    all_left, all_gone = _sum(left), _sum(gone)
    return render('units left (removed)', ['', *map(unit_name, labels)],
                  [*rows, ['all', *(_counts(all_left, all_gone, k) for k in labels)]], width=WIDTH)


def stage_of(path: str) -> str:
    """Return ``'stage 3'`` of a path in the supernet; of others the part, or its first layer."""
    found = _STAGE.match(path)
    if found:
        return f'stage {int(found[1]) + 1}'
    part, _, rest = path.partition('.')
    return part if part != 'backbone' else f'{part}.{rest.partition(".")[0]}'


def _place(stage: str) -> tuple:
    """Return stages in their order, other parts of the backbone, then the neck."""
    return not stage.startswith('stage'), not stage.startswith('backbone'), len(stage), stage


def unit_name(label: int) -> str:
    """Return the name of units of a kernel size; 0 means tokens."""
    return f'{label}x{label}' if label else 'tokens'


def _add(sums: dict[str, dict[int, int]], path: str, counts: Mapping[Any, int]) -> None:
    found = sums.setdefault(stage_of(path), {})
    for label, number in counts.items():
        found[int(label)] = found.get(int(label), 0) + number


def _sum(sums: Mapping[str, Mapping[int, int]]) -> dict[int, int]:
    labels = {label for counts in sums.values() for label in counts}
    return {k: sum(counts.get(k, 0) for counts in sums.values()) for k in labels}


def _counts(left: Mapping[int, int], gone: Mapping[int, int], label: int) -> str:
    if label not in left and label not in gone:
        return '-'
    removed = f' (-{gone[label]:,})' if gone.get(label) else ''
    return f'{left.get(label, 0):,}{removed}'


def _costs_table(state: Mapping[str, float], supernet: Mapping[str, float] | None) -> str:
    def row(name: str, key: str, kept: str, unit: float) -> list[str]:
        before = f'{supernet[key] / unit:.4f}' if supernet else '-'
        return [name, before, f'{state[key] / unit:.4f}', f'{state[kept] / unit:.4f}']

    return render('', ['', 'supernet', 'now', 'kept weights'],
                  [row('parameters (M)', 'params', 'nonzero', 1e6),
                   row('GMACs', 'macs', 'sparse_macs', 1e9)], width=WIDTH)
