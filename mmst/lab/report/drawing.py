"""Draws the supernet (supplement, Fig. 1) with the units left in each search block.

Time goes to the right and branches lie below each other, or, for narrow screens, time goes down and
branches lie next to each other.
"""
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...engine.run.progress import unit_name
from ..style import shade
from .blocks import Block, blocks_of
from .svg import picture, spot, tag, words

Place = tuple[float, float]


@dataclass(frozen=True)
class Form:
    """Holds the sizes of a drawing. Along: in the direction of time; across: over the branches."""
    down: bool
    block: tuple[float, float]
    along: float
    slot: float
    gap: float
    margin: tuple[float, float]

    def place(self, column: float, across: float) -> Place:
        """Return the upper left corner of a block."""
        time = self.margin[self.down] + column * self.along
        return ((self.margin[0] + across, time) if self.down else (time, self.margin[1] + across))

    @property
    def band(self) -> float:
        """Return the room of a branch: three fusion blocks."""
        return 3 * self.slot + self.gap


WIDE = Form(False, (32., 19.), 41., 22., 10., (44., 34.))
NARROW = Form(True, (24., 20.), 26., 27., 6., (40., 26.))


def architecture(title: str, before: Mapping[str, Any], after: Mapping[str, Any],
                 sparsity: Mapping[str, float]) -> str:
    """Return the drawing for wide screens, and that for narrow ones; the page shows one of them.

    Args:
        title (str): Of the drawing.
        before (Mapping): Widths of the supernet by part.
        after (Mapping): Widths to draw.
        sparsity (Mapping): Mean share pruned of each block's layers, by its path.
    """
    drawings = [tag('div', _draw(form, title, before, after, sparsity), class_=name)
                for form, name in ((WIDE, 'wide'), (NARROW, 'narrow'))]
    return tag('figure', tag('figcaption', title), *drawings)


def block_tip(block: Block, before: Mapping[str, Any], after: Mapping[str, Any],
              sparsity: Mapping[str, float]) -> str:
    """Return a block in numbers."""
    most, left = counts_of(block.path, before), counts_of(block.path, after)
    counts = ', '.join(f'{unit_name(k)} {left.get(k, 0)} of {n}' for k, n in most.items() if n)
    pruned = sparsity.get(block.path)
    return f'{block.name}: {counts}' + (f'; {pruned:.1%} of a layer\'s weights pruned on average'
                                        if pruned is not None else '')


def counts_of(path: str, widths: Mapping[str, Any]) -> dict[int, int]:
    """Return units of a block by kernel size, 0 for tokens."""
    part, _, name = path.partition('.')
    found = widths.get(part, {}).get(name, dict(channels={}, tokens=0))
    return {**{int(k): n for k, n in found['channels'].items()}, 0: found['tokens']}


def _draw(form: Form, title: str, before, after, sparsity) -> str:
    blocks = blocks_of(before)
    columns = _columns(blocks)
    places = {b.path: _place(form, b, blocks, columns) for b in blocks}
    stem = form.place(0, (3 * form.slot - form.block[not form.down]) / 2)
    lines = [_line(form, a, b) for a, b in _edges(blocks, places, stem)]
    lines += [_line(form, a, b, across=True) for a, b in _openings(blocks, places)]
    shown = [spot(block_tip(b, before, after, sparsity), *_strips(form, places[b.path], *(
        counts_of(b.path, widths) for widths in (before, after)))) for b in blocks]
    far = [max(values) for values in zip(*places.values(), strict=True)]
    size = [far[i] + form.block[i] + 6 for i in (0, 1)]
    return picture(*size, title, *lines, _box(form, stem, 'stem'), *shown,
                   *_labels(form, blocks, columns), class_='architecture',
                   style=f'max-width:{1.35 * size[0]:.0f}px')


def _columns(blocks: Sequence[Block]) -> dict[tuple[str, int], int]:
    """Return the first column of each (``'fusion'`` or ``'parallel'``, stage), and of the neck."""
    column, found = 1, {}
    for stage in sorted({b.stage for b in blocks if b.stage >= 0}):
        depths = [b.depth + 1 for b in blocks if b.stage == stage and b.kind == 'parallel']
        found['fusion', stage], found['parallel', stage] = column, column + 1
        column += 1 + max(depths, default=0)
    found['neck', -1] = column
    return found


def _place(form: Form, block: Block, blocks: Sequence[Block], columns) -> Place:
    kind = 'fusion' if block.kind == 'new' else block.kind
    column = columns[kind, block.stage] + (block.depth if kind != 'fusion' else 0)
    siblings = [b for b in blocks if (b.stage, b.branch) == (block.stage, block.branch)
                and b.kind == block.kind == 'fusion'] or [block]
    first = (3 - len(siblings)) / 2 * form.slot
    slack = (form.slot - form.block[not form.down]) / 2
    return form.place(column, block.branch * form.band + first
                      + siblings.index(block) * form.slot + slack)


def _edges(blocks: Sequence[Block], places: Mapping[str, Place], stem: Place):
    """Yield pairs of places that are connected."""
    ends: dict[int, list[Place]] = {0: [stem]}
    stages = sorted({b.stage for b in blocks if b.stage >= 0})
    for stage in stages:
        fused: dict[int, list[Place]] = {}
        for b in (b for b in blocks if b.stage == stage and b.kind in ('fusion', 'new')):
            if b.kind == 'fusion':
                yield from ((a, places[b.path]) for a in ends.get(b.source, ()))
            fused.setdefault(b.branch, []).append(places[b.path])
        ends = fused
        for b in (b for b in blocks if b.stage == stage and b.kind == 'parallel'):
            yield from ((a, places[b.path]) for a in ends.get(b.branch, ()))
            ends[b.branch] = [places[b.path]]
    for b in (b for b in blocks if b.stage < 0):
        whole = not any(other.branch for other in blocks if other.stage < 0)
        for branch, found in list(ends.items()):
            if whole or branch == b.source:
                yield from ((a, places[b.path]) for a in found)
        if not whole and not b.depth:
            ends[b.branch] = [places[b.path]]


def _openings(blocks: Sequence[Block], places: Mapping[str, Place]):
    """Yield the last block of the branch above, and the new branch that reads its sum."""
    for new in (b for b in blocks if b.kind == 'new'):
        above = [b for b in blocks if b.kind == 'fusion'
                 and (b.stage, b.branch) == (new.stage, new.source)]
        if above:
            yield places[above[-1].path], places[new.path]


def _line(form: Form, a: Place, b: Place, across: bool = False) -> str:
    wide, high = form.block
    if form.down != across:
        start, end = (a[0] + wide / 2, a[1] + high), (b[0] + wide / 2, b[1])
    else:
        start, end = (a[0] + wide, a[1] + high / 2), (b[0], b[1] + high / 2)
    return tag('line', x1=start[0], y1=start[1], x2=end[0], y2=end[1], class_='edge')


def _strips(form: Form, place: Place, before: Mapping[int, int],
            after: Mapping[int, int]) -> list[str]:
    """Return a strip for each kernel size and the tokens, coloured by the share left."""
    kinds = [k for k, n in before.items() if n]
    x, (wide, high) = place[0], form.block
    parts = [tag('rect', x=x + i * wide / len(kinds), y=place[1], width=wide / len(kinds),
                 height=high, fill=shade(after.get(k, 0) / before[k])) for i, k in enumerate(kinds)]
    frame = tag('rect', x=x, y=place[1], width=wide, height=high, fill='none', class_='frame')
    gone = not any(after.get(k, 0) for k in kinds)
    cross = tag('path', d=f'M{x:.2f} {place[1]:.2f}l{wide} {high}m0 {-high}l{-wide} {high}',
                stroke='#ffffff', stroke_width=1.2) if gone else ''
    return [*parts, cross, frame]


def _box(form: Form, place: Place, name: str) -> str:
    wide, high = form.block
    return (tag('rect', x=place[0], y=place[1], width=wide, height=high, fill='#ffffff',
                class_='frame')
            + words(name, place[0] + wide / 2, place[1] + high / 2 + 3.5, text_anchor='middle',
                    class_='small'))


def _labels(form: Form, blocks: Sequence[Block], columns) -> list[str]:
    """Return the names of the modules along time (F: fusion, P: parallel), scales across."""
    found = []
    for (kind, stage), column in columns.items():
        x, y = form.place(column, 0)
        name = 'neck' if stage < 0 else f'{kind[0].upper()}{stage + 1}'
        if stage >= 0 or any(b.stage < 0 for b in blocks):
            at = (2, y + form.block[1] / 2 + 4) if form.down else (x, 24)
            found.append(words(name, *at, class_='strong' if kind != 'parallel' else None))
    for branch in sorted({b.branch for b in blocks if b.stage >= 0}):
        x, y = form.place(0, branch * form.band)
        at = (x + form.slot + 4, 14) if form.down else (2, y + 1.5 * form.slot + 4)
        found.append(words(f'1/{4 * 2**branch}', *at))
    return found
