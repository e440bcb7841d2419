"""Writes the record of ``benchmarks/training.py`` for people."""
from collections.abc import Iterable, Sequence

#: Milliseconds a step on one thread of the machine on which this was first measured.
FIRST = {'L1 penalty': (23, 0.5), 'weight decay': (252, 7.5), 'averages': (115, 8.7),
         'masks': (86, 4.6), 'optimizer': (169, 18)}


def markdown(cases: dict[str, dict]) -> str:
    """Return all cases with their sections."""
    lines = ['# Training steps', '',
             'Medians of interleaved rounds; ratios are medians over the rounds, of processor '
             'time (other work on the machine stretches the clock, but hardly these), on a GPU of '
             'the clock\'s.']
    for case, sections in sorted(cases.items()):
        lines += ['', f'## {case}']
        for name, found in sections.items():
            lines += ['', *WRITERS[name.partition(',')[0]](found), '', *_where(found)]
    return '\n'.join(lines) + '\n'


def _where(found: dict) -> list[str]:
    machine = found['machine']
    place = f'{machine["cpu"]}, {machine["cores"]} cores'
    if found.get('device') == 'cuda':
        place = f'{machine["gpu"]} ({place})'
    return [f'`{found["command"]}` on {place}, torch {machine["torch"]}, load average '
            f'{found["load"]}.']


def _ms(summary: dict) -> float:
    """Return the time that a record's ratios are of; older records are of processor time."""
    return summary.get('ms', summary['processor_ms'])


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return a Markdown table."""
    return [f'| {" | ".join(header)} |', '|' + ' --- |' * len(header),
            *(f'| {" | ".join(map(str, row))} |' for row in rows)]


def _overhead(found: dict) -> list[str]:
    plain, both = found['steps']['plain'], found['steps']['two_in_one']
    share = found['own_ms'] / _ms(plain)
    low, high = (100 * (1 / ratio - 1) for ratio in reversed(both['speedups']))
    more = 100 * (1 / both['speedup'] - 1)
    return [f'Two-in-one over plain training: {_ms(plain):.0f} ms plain, '
            f'{_ms(both):.0f} ms two-in-one a step, {more:+.1f}% (rounds: {low:+.1f} to '
            f'{high:+.1f}%). What it adds, timed by itself: '
            f'{found["own_ms"]:.1f} ms, {share:.2%} of a step.']


def _events(found: dict) -> list[str]:
    steps = found['steps']
    return ['Events without recalibration, in milliseconds:', '', *table(
        ('event', 'time', 'in steps'),
        [(name, f'{_ms(s):.0f}', f'{1 / s["speedup"]:.2f}')
         for name, s in steps.items()])]


def _memory(found: dict) -> list[str]:
    plain, both = found['peak_mib']['plain'], found['peak_mib']['two-in-one']
    whose = 'torch\'s allocator on the GPU' if found.get('device') == 'cuda' else 'the process'
    text = (f'Peak memory of {whose}: {plain:.0f} MiB plain, {both:.0f} MiB two-in-one '
            f'({100 * (both / plain - 1):+.1f}%)')
    returned = found['peak_mib'].get('two-in-one, memory returned')
    if returned:
        text += f'; {returned:.0f} MiB two-in-one where freed memory goes back to the system'
    return [f'{text}.']


def _ladder(found: dict) -> list[str]:
    rows, before = [], None
    for name, s in found['steps'].items():
        gain = '' if before is None else f'{s["speedup"] / before:.2f}'
        before = s['speedup']
        rows.append((name, f'{_ms(s):.0f}', f'{s["speedup"]:.2f}', gain,
                     '{:.2f} to {:.2f}'.format(*s['speedups'])))
    names = ('form', 'step (ms)', 'speed-up', 'of this change', 'speed-up, rounds')
    if 'published form' in found['steps']:
        title = 'From the published form to this project\'s, one change after the other:'
        return [title, '', *table(names, rows)]
    return ['Paired steps; speed-ups over the first form:', '', *table(
        (*names[:3], names[4]), [(*row[:3], row[4]) for row in rows])]


def _extras(found: dict) -> list[str]:
    rows, sums = [], [0., 0., 0., 0.]
    for what, (slow, fast) in FIRST.items():
        here = found['extras'][what]
        values = (here['published'], here.get('foreach', 0.), slow, fast)
        sums = [a + b for a, b in zip(sums, values, strict=True)]
        rows.append((what, *(f'{v:.1f}' for v in values)))
    rows.append(('together', *(f'{v:.1f}' for v in sums)))
    return ['Costs that do not depend on the images, in milliseconds a step (weight decay is part '
            'of this project\'s optimizer):', '', *table(
                ('cost', 'published form', 'this project', 'published form, first machine',
                 'this project, first machine'), rows)]


def _profile(found: dict) -> list[str]:
    lines = []
    for name, p in found['profiles'].items():
        calls = f', {p["milliseconds"]:.1f} ms in {p["calls"]} calls' if 'calls' in p else ''
        lines += ['', f'Operators of a step ({name}{calls}), by their own time:', '', *table(
            ('operator', 'share', 'calls'),
            [(f'`{o["operator"]}`', f'{o["share"]:.1%}', str(o['calls']))
             for o in p['operators']])]
    return lines[1:]


def _bn_memory(found: dict) -> list[str]:
    without, with_it = found['peak_mib'].values()
    return [f'Peak memory of the process, freed memory going back to the system: {without:.0f} MiB '
            f'without the BN kernel, {with_it:.0f} MiB with it ({with_it / without - 1:+.1%}).']


WRITERS = dict(overhead=_overhead, events=_events, memory=_memory, ladder=_ladder, extras=_extras,
               profile=_profile, bn_memory=_bn_memory)
