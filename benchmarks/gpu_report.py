"""Writes the record of ``benchmarks/gpu.py`` for people."""
from collections.abc import Sequence

from training_report import table


def markdown(parts: dict[str, dict], order: Sequence[str]) -> str:
    """Return a table of all goals, then each part's figures."""
    lines = ['# What a GPU decides', '', *table(
        ('part', 'what', 'found', 'aimed at', 'met'), _goals(parts, order))]
    for name in order:
        if name in parts:
            lines += ['', f'## {name[0].upper()}{name[1:]}', '', *_part(parts[name])]
    return '\n'.join(lines) + '\n'


def _goals(parts: dict[str, dict], order: Sequence[str]) -> list[tuple]:
    rows: list[tuple] = []
    for name in order:
        part = parts.get(name)
        if part is None or 'failed' in part:
            rows.append((name, 'not measured' if part is None else f'failed: {part["failed"]}',
                         '', '', 'no'))
            continue
        rows += [(name, g['what'], f'{g["value"]:.4g}', g['goal'], 'yes' if g['met'] else 'no')
                 for g in part.get('goals', ())]
        rows += [(name, f'skipped: {line}', '', '', 'no') for line in part.get('skipped', ())]
    return rows


def _part(part: dict) -> list[str]:
    lines: list[str] = []
    if 'failed' in part:
        lines += [f'Failed: {part["failed"]}.', '']
    if 'steps' in part:
        lines += [*table(('form', 'step (ms)', 'speed-up', 'speed-up, rounds'), [
            (name, f'{s["ms"]:.1f}', f'{s["speedup"]:.2f}',
             '{:.2f} to {:.2f}'.format(*s['speedups'])) for name, s in part['steps'].items()]), '']
    if 'values' in part:
        lines += [*table(('what', 'value'), [(what, f'{value:.4g}')
                                             for what, value in part['values'].items()]), '']
    if 'rows' in part:
        names = ('network', 'size', 'batch', 'precision', 'form', 'images a second', 'ms a batch')
        lines += [*table(names, [
            (r['network'], 'x'.join(map(str, r['size'])), str(r['batch']), r['precision'],
             r['form'], f'{r["images_a_second"]:.1f}', f'{r["milliseconds"]:.2f}')
            for r in part['rows']]), '']
    where = part['machine']
    return [*lines, f'`{part["command"]}` on {where["gpu"]} ({where["cpu"]}, {where["cores"]} '
            f'cores), torch {where["torch"]}, {part["rounds"]} rounds, load average '
            f'{part["load"]}.']
