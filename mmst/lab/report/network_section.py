"""Writes the section about the network: drawing, heat maps, importance, costs."""
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from ...deploy.ticket_cost import ticket_costs
from ...engine.run.progress import unit_name
from ...errors import MMSTError
from ...search.histogram import edges
from .blocks import blocks_of
from .collect import RunData
from .drawing import architecture, block_tip, counts_of
from .heat import colour_key, heat_map
from .histograms import importance_charts
from .html import fold, table
from .svg import tag, text

_WEIGHT = re.compile(r'(.+?)\.(mixconv|transformer|residual)\.(.+)')
_NO_BLOCKS = 'The network has no search blocks of the supernet, so there is no drawing of it.'
#: Columns of the heat map of sparsity, by the layer's path within its block.
_KINDS = (('mixconv.expand', 'expand'), ('mixconv.depthwise', 'depthwise'),
          ('mixconv.project', 'project'), ('residual', 'residual'),
          ('transformer', 'transformer'))


def architecture_section(data: RunData) -> str:
    """Return the drawing before and after the search."""
    if not data.before:
        return tag('p', _NO_BLOCKS, class_='note')
    sparsity = block_sparsity(data.layers)
    first = architecture('Before: the supernet', data.before, data.before, {})
    after = architecture(f'Now, after {data.unit} {data.last_step}', data.before, data.after,
                         sparsity)
    how = ('Each block has a strip for each kernel size (3, 5, 7, …) and one for tokens; the '
           'colour is the share of its units that is left. Crossed out: nothing is left but the '
           'residual path. F: fusion module, P: parallel module. Point at a block, or reach it by '
           'the Tab key, for its numbers.')
    return ''.join([tag('p', how, class_='note'), colour_key('0% of the units left', '100%'), first,
                    after])


def heat_section(data: RunData) -> str:
    """Return the section of kernel sizes and sparsity, a row a block; of other networks a row a
    layer.
    """
    maps = [_choice(data), _sparsity(data)] if data.before else [_layers(data)]
    shown = [m for m in maps if m]
    if not shown:
        return tag('p', 'Nothing has been pruned yet.', class_='note')
    return colour_key('0%: all gone', '100%: all left') + tag('div', *shown, class_='maps')


def importance_section(data: RunData) -> str:
    """Return histograms of |γ| before each search."""
    searches = [e for e in data.of_kind('search') if e.get('importance')]
    if not searches:
        return tag('p', 'No search has recorded importance factors.', class_='note')
    charts = importance_charts(searches, data.run.get('edges') or edges(),
                               data.run.get('threshold'))
    how = ('Importance factors |γ| as each search found them, before it removed units. The dashed '
           'line is the threshold; a row is a search, colours go with the square root of the '
           'count.')
    return tag('p', how, class_='note') + tag('div', *charts, class_='charts')


def cost_section(data: RunData) -> str:
    """Return parameters and MACs of supernet, network and kept weights; by part and block of a
    ticket.
    """
    rows = _cost_rows(data)
    if not rows:
        return tag('p', 'No costs were recorded.', class_='note')
    shape = (data.summary or data.run).get('input_shape')
    size = f' at {shape[0]}x{shape[1]}' if shape else ''
    main = table(['', 'parameters', f'MACs{size}'], rows)
    return main + _by_part(data)


# ------------------------------------------------------------------------------------ figures


def block_sparsity(layers: Mapping[str, float]) -> dict[str, float]:
    """Return the mean share pruned over the layers of each block that still has any."""
    found = defaultdict(list)
    for name, share in layers.items():
        match = _WEIGHT.match(name)
        if match:
            found[match[1]].append(share)
    return {path: sum(shares) / len(shares) for path, shares in found.items()}


def _choice(data: RunData) -> str:
    cells, tips, labels = {}, {}, []
    blocks = blocks_of(data.before)
    for block in blocks:
        most, left = counts_of(block.path, data.before), counts_of(block.path, data.after)
        for k, n in most.items():
            if n:
                cells[block.label, unit_name(k)] = left.get(k, 0) / n
        labels += [unit_name(k) for k in most if unit_name(k) not in labels]
        tips[block.label] = block_tip(block, data.before, data.after, {})
    return heat_map('Search: share of each block\'s units left, in %, by kernel size',
                    [b.label for b in blocks], labels, cells, tips)


def _sparsity(data: RunData) -> str:
    if not data.layers:
        return ''
    names, sums = {b.path: b.label for b in blocks_of(data.before)}, defaultdict(list)
    for weight, share in data.layers.items():
        match = _WEIGHT.match(weight)
        if match and match[1] in names:
            path = f'{match[2]}.{match[3]}'
            kind = next(label for start, label in _KINDS if path.startswith(start))
            sums[names[match[1]], kind].append(share)
        else:
            sums[weight.removesuffix('.weight').replace('backbone.', ''), 'other'].append(share)
    cells = {key: 1 - sum(shares) / len(shares) for key, shares in sums.items()}
    columns = [label for _, label in _KINDS] + ['other']
    rows = [*(row for row in dict.fromkeys(row for row, _ in cells) if (row, 'other') in cells),
            *names.values()]
    shown = [c for c in columns if any(c == kind for _, kind in cells)]
    return heat_map('Pruning: share of each layer\'s weights kept, in %, means over layers of a '
                    f'kind; the mask of {data.unit} {data.mask_step}', rows, shown, cells)


def _layers(data: RunData) -> str:
    """Return layers by prunes, for networks without blocks."""
    states = [(str(e['step']), e['state']['layers']) for e in data.entries
              if e.get('state', {}).get('layers')][-8:]
    states = states or ([('ticket', data.layers)] if data.layers else [])
    cells = {(name, step): 1 - share for step, layers in states for name, share in layers.items()}
    rows = list(dict.fromkeys(name for name, _ in cells))
    short = {name: _shorten(name) for name in rows}
    return '' if not rows else heat_map(
        f'Pruning: share of each layer\'s weights kept, in %, by {data.unit}',
        [short[name] for name in rows], list(dict(states)),
        {(short[name], step): share for (name, step), share in cells.items()})


def _shorten(name: str, length: int = 26) -> str:
    name = name.removesuffix('.weight').removeprefix('backbone.')
    return name if len(name) <= length else f'…{name[1 - length:]}'


def _cost_rows(data: RunData) -> list[Sequence[str]]:
    if data.summary is not None:
        found = [(name, data.summary['params'][key], data.summary['macs'][key]) for name, key in (
            ('supernet', 'supernet'), ('after the search', 'searched'), ('kept weights', 'sparse'))]
    else:
        found, before, state = [], data.supernet, data.state
        if before:
            found.append(('supernet', before['params'], before['macs']))
        if 'macs' in state:
            found += [(f'after {data.unit} {data.last_step}', state['params'], state['macs']),
                      ('kept weights', state['nonzero'], state['sparse_macs'])]
    return [(name, f'{params:,.0f}', f'{macs:,.0f}') for name, params, macs in found]


def _by_part(data: RunData) -> str:
    if not data.finished or data.weights is None or data.weights.name != 'ticket.pth':
        return ''
    try:
        costs = ticket_costs(data.ticket)
    except (MMSTError, ImportError) as error:
        return tag('p', text(f'Costs by part could not be counted: {error}'), class_='note')
    names: tuple[str, ...] = ('', 'parameters', 'searched', 'kept', 'MACs', 'searched', 'kept')
    return ''.join(fold(f'Costs by {by[:-1]}', table(names, _rows(costs, by)))
                   for by in ('parts', 'blocks'))


def _rows(costs: Any, by: str) -> list[list[str]]:
    before = getattr(costs.supernet, by)() if costs.supernet else {}
    now = getattr(costs.searched, by)()
    return [[name, *(_number(sums, key) for sums, key in (
        (before.get(name), 'params'), (now.get(name), 'params'), (now.get(name), 'nonzero'),
        (before.get(name), 'macs'), (now.get(name), 'macs'), (now.get(name), 'sparse_macs')))]
        for name in {**before, **now}]


def _number(sums: Any, key: str) -> str:
    return '-' if sums is None else f'{sums[key]:,.0f}'
