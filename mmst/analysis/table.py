"""Tables for the log and the terminal."""
import io
from typing import Any, Iterable, Mapping, Sequence

from rich.console import Console
from rich.table import Table


def render(title: str, header: Sequence[str], rows: Iterable[Sequence[Any]], width: int = 80) -> str:
    """A table as plain text: first column left, the others right."""
    table = Table(title=title, title_justify='left')
    for i, name in enumerate(header):
        table.add_column(name, justify='left' if i == 0 else 'right')
    for row in rows:
        table.add_row(*map(str, row))
    console = Console(file=io.StringIO(), width=width)
    console.print(table)
    return console.file.getvalue().rstrip()


def ticket_table(summary: Mapping[str, Any]) -> str:
    """Supernet, searched network and ticket of a ``ticket.json`` side by side."""
    params, macs = summary['params'], summary['macs']
    metrics = {k: v for k, v in summary.get('metrics', {}).items() if k in SHOWN}
    before = summary.get('before', {})
    rows = [
        [name, f'{params[key] / 1e6:.3f}', f'{macs[key] / 1e9:.4f}', sparsity,
         *(_number(values.get(k)) for k in metrics)]
        for name, key, sparsity, values in (
            ('supernet', 'supernet', '-', {}), ('searched', 'searched', '-', before),
            ('ticket', 'sparse', f'{summary["sparsity"]:.2%}', metrics))]
    h, w = summary['input_shape']
    header = ['network', 'params (M)', 'GMACs', 'sparsity', *metrics]
    return render(f'MACs at {h}x{w}; the ticket\'s count kept weights only', header, rows)


SHOWN = ('mIoU', 'mAcc', 'aAcc', 'accuracy/top1', 'accuracy/top5', 'coco/AP', 'coco/AP (M)',
         'coco/AP (L)', 'coco/AR')


def _number(value: Any) -> str:
    return '-' if value is None else f'{value:.2f}'
