"""Writes tables for the log and the terminal."""
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table


def render(title: str,
           header: Sequence[str],
           rows: Iterable[Sequence[Any]],
           width: int = 80) -> str:
    """Return a table as plain text: first column left, the others right."""
    table = Table(title=title, title_justify='left', box=box.SIMPLE_HEAD, pad_edge=False)
    for i, name in enumerate(header):
        table.add_column(name, justify='left' if i == 0 else 'right')
    for row in rows:
        table.add_row(*map(str, row))
    text = io.StringIO()
    Console(file=text, width=width).print(table)
    return text.getvalue().rstrip()


def cell(value: float | None, unit: float = 1, digits: int = 2) -> str:
    """Return a number of units for a table; a dash where there is none."""
    return '-' if value is None else f'{value / unit:.{digits}f}'


def ticket_table(summary: Mapping[str, Any]) -> str:
    """Return supernet, searched network and ticket of a ``ticket.json`` side by side.

    The searched network's row carries the last evaluation before the target sparsity was reached.
    """
    params, macs, before = summary['params'], summary['macs'], summary.get('before_last_prune')
    metrics = summary.get('metrics', {})
    shown = [name for name in SHOWN if name in metrics]
    rows = [('supernet', 'supernet', '-', {}), ('searched', 'searched', '-', {}),
            ('ticket', 'sparse', f'{summary["sparsity"]:.1%}', metrics)]
    if before:
        rows.insert(2, ('before last prune', 'searched',
                        f'{before["sparsity"]:.1%}', before['metrics']))
    height, width = summary['input_shape']
    return render(
        f'MACs at {height}x{width}; sparse rows count kept weights only',
        ['network', 'params (M)', 'GMACs', 'sparsity', *shown],
        [[name, cell(params.get(key) if 'before' not in name else None, 1e6, 3),
          cell(macs.get(key) if 'before' not in name else None, 1e9, 4), sparsity,
          *(cell(values.get(k)) for k in shown)] for name, key, sparsity, values in rows])


SHOWN = ('mIoU', 'mAcc', 'aAcc', 'accuracy/top1', 'accuracy/top5', 'coco/AP', 'coco/AP (M)',
         'coco/AP (L)', 'coco/AR')
