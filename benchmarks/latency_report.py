"""Writes the record of ``benchmarks/latency.py`` as Markdown."""

from training_report import table


def markdown(record: dict) -> str:
    """Return the record for people."""
    kinds = list(next(iter(record['kept'].values())))
    where, tools = record['machine'], record['runtimes'].items()
    lines = [
        '# Latency on a CPU', '',
        f'{record["size"][0]}x{record["size"][1]}, batch 1, {record["threads"]} thread(s), '
        f'{record["rounds"]} interleaved rounds: medians. Speed-up: median over the rounds of the '
        f'time of "{record["reference"]}" over that of the row. Processor time is what the process '
        'was given of all cores: other work on the machine stretches the clock, but hardly this. '
        'Each network runs twice a round, and the second call counts, as of a network that runs by '
        'itself; "right after others" is the first, whose caches the networks before it have '
        'filled.',
        '',
        'Networks: the full-width supernet was trained for 320 steps on generated street scenes, '
        'with search and pruning (`benchmarks/configs/full_width.py`); "searched" is what epoch 13 '
        'had left of it (208 steps), and the tickets were drawn from it by `mmst prune`, over '
        f'all weights (global) or in each layer. {_zeros(record)}Speed is what these networks are '
        'for; their accuracy is next to none.', '', *table(
            ('runtime', 'network', 'parameters kept (M)', 'GMACs', 'of kept weights',
             'processor time (ms)', 'quartiles (ms)', 'speed-up', 'clock time (ms)',
             'speed-up by the clock', 'right after others (ms)', 'speed-up then'),
            [_cells(r, record['networks'][r['network']]) for r in record['rows']]), '', '## Goals',
        '', *table(('row', 'against', 'goal', 'measured', 'right after others'), [
            (g['row'], g['other'], f'{g["goal"]:g}x', f'{g["measured"]:.2f}x', f'{g["first"]:.2f}x')
            for g in record['goals']
        ]), '', *_bounds(record), '', '## Rounding', '',
        'Largest difference to the network in float64 over the largest output, 64x128: torch\'s '
        'own in float32 is the noise of that precision.', '', *table(
            ('network', 'sparse kernel', 'torch, float32'),
            [(name, f'{e["kernel"]:.1e}', f'{e["float32"]:.1e}')
             for name, e in record['errors'].items()]), '', '## Share of weights kept', '', *table(
                 ('network', *kinds),
                 [(name, *(f'{kept.get(k, 0):.1%}' for k in kinds))
                  for name, kept in record['kept'].items() if 'compacted' not in name]), '',
        f'{where["cpu"]}, {where["cores"]} cores, load average {record["load"]:.1f} at '
        'the end: ratios of processor time can be trusted more than times. ' +
        ', '.join(f'{name} {number}' for name, number in tools) + '.', ''
    ]
    return '\n'.join(lines)


def _zeros(record: dict) -> str:
    """Say of a searched network with zeros what they are."""
    net = record['networks'].get('searched')
    if net is None or net['sparse_macs'] > 0.99 * net['macs']:
        return ''
    return ('Its averaged weights hold zeros of the mask that was just lifted, so that the 50% '
            'tickets differ from it by little: only runtimes that gain nothing from zeros run it. ')


def _cells(r: dict, net: dict) -> tuple:
    busy, clock, first = r['processor'], r['clock'], r['first']
    return (r['runtime'], r['network'], f'{net["nonzero"] / 1e6:.3f}', f'{net["macs"] / 1e9:.3f}',
            f'{net["sparse_macs"] / 1e9:.4f}', f'{busy["milliseconds"]:.1f}',
            '{:.1f} to {:.1f}'.format(*busy['quartiles']), f'{busy["speedup"]:.2f}',
            f'{clock["milliseconds"]:.1f}', f'{clock["speedup"]:.2f}',
            f'{first["milliseconds"]:.1f}', f'{first["speedup"]:.2f}')


def _bounds(record: dict) -> list[str]:
    """Return the lower bounds of the kernel's times."""
    best = record['ceilings']
    if best is None:
        return []
    rows = []
    for r in record['rows']:
        if 'bytes' in r:
            macs = record['networks'][r['network']]['sparse_macs']
            rows.append((r['network'], f'{r["processor"]["milliseconds"]:.1f}', f'{macs / 1e9:.4f}',
                         f'{1e3 * macs / best["multiply_adds"]:.1f}', f'{r["bytes"] / 1e6:.0f}',
                         f'{1e3 * r["bytes"] / best["memory"]:.1f}',
                         f'{1e3 * r["bytes"] / best["cache"]:.1f}'))
    return ['## Bounds of the sparse kernel', '',
            f'One core of this machine does {best["multiply_adds"] / 1e9:.1f} G multiply-adds a '
            f'second in registers and streams {best["memory"] / 1e9:.1f} GB/s from memory, '
            f'{best["cache"] / 1e9:.1f} GB/s from its cache, measured next to the networks '
            '(`benchmarks/ceilings.py`). At these rates the multiply-adds of the kept weights, and '
            'the feature maps that the kernel\'s passes read and write, take at least:', '',
            *table(('network', 'measured (ms)', 'GMACs', 'multiply-adds (ms)', 'MB moved',
                    'from memory (ms)', 'from the cache (ms)'), rows)]
