"""A graph written anew without what is dead or constant in it."""
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from .analysis import (
    EDGE,
    LIVE,
    PASSING,
    UNIFORM,
    classify,
    fillers,
    gathered,
    has_borders,
    live_inputs,
    needed,
    tokens_needed,
    uniform_kernel,
)
from .graph import Graph, Node, plain_list
from .mixer import keep_tokens, reduced
from .tidy import tidy


@dataclass
class Part:
    """Channels of an old node, in this order, that a node of the new graph computes.

    Channels may be among them that are 0 throughout: fillers.
    """
    name: str | None = None
    index: list[int] = field(default_factory=list)


def fixed_point(graph: Graph) -> Graph:
    """:func:`rewrite` until nothing changes any more."""
    while True:
        smaller = tidy(rewrite(graph))
        if smaller.form() == graph.form():
            return graph
        graph = smaller


def rewrite(graph: Graph) -> Graph:
    """The same function with fewer channels, tokens and operations.

    Uniform channels go into biases. Of the others only those are kept that an output depends on;
    what depends on the image and what does not are computed apart, and the latter needs to be
    computed only once for each input size, so that borders stay exact.
    """
    for node in graph:
        if node.op == 'mixer':
            node.tensors = reduced(node.tensors)
    return _Writer(graph).write()


class _Writer:

    def __init__(self, graph: Graph):
        self.old, self.new = graph, Graph(graph.flatten)
        self.known = classify(graph)
        self.need = needed(graph, self.known)
        self.levels = graph.levels()
        self.fill = fillers(graph, self.known, self.need)
        self.shared = {name for name, found in graph.consumers().items() if len(found) > 1}
        self.dtype = next((t.dtype for n in graph for t in n.tensors.values()), torch.float32)
        #: New nodes to the number of their readers; nodes that must stay as they are count as read.
        self.readers: dict[str, int] = {}
        self.live: dict[str, Part] = {}
        self.edge: dict[str, Part] = {}

    def write(self) -> Graph:
        for node in self.old:
            self.live[node.name], self.edge[node.name] = Part(), Part()
            _WRITERS.get(node.op, _Writer._passing)(self, node)
            if node.name in self.shared:
                for part in (self.live[node.name], self.edge[node.name]):
                    self.readers[part.name] = self.readers.get(part.name, 0) + 2
        widths = self.old.widths()
        for name in self.old.outputs:
            label = name if name.endswith('/out') else f'{name}/out'
            self.new.outputs.append(self._whole(name, range(widths[name]), label))
        return self.new.sweep()

    # -------------------------------------------------------------------- one operation each

    def _image(self, node: Node) -> None:
        self._make('image', node.name, **node.settings)
        self.live[node.name] = Part(node.name, list(range(node.settings['channels'])))

    def _ones(self, node: Node) -> None:
        """Uniform: made where it is needed."""

    def _coordinates(self, node: Node) -> None:
        index = self._wanted(node, EDGE)
        if index:
            self._make('coordinates', node.name)
            self.edge[node.name] = Part(node.name, [0, 1])

    def _conv(self, node: Node) -> None:
        source = node.inputs[0]
        kernel = uniform_kernel(node, self.known[source])
        borders = has_borders(node, kernel)
        bias = node.tensors['bias'].double() + torch.where(borders, 0., kernel.sum((1, 2)))
        live = self._wanted(node, LIVE)
        rows = sorted({*live, *self.fill[node.name]})
        if live:
            part = self._connect(node, self.live[source], rows, node.name)
            fixed = self._fixed(node, live, kernel, borders, f'{node.name}/fixed')
            part = self._biased(part, {c: float(bias[c]) for c in live}, node)
            self.live[node.name] = self._plus(part, fixed, f'{node.name}/plus')
        edge = self._wanted(node, EDGE)
        if edge:
            name = f'{node.name}/edge' if live else node.name
            part = self._fixed(node, edge, kernel, borders, name)
            self.edge[node.name] = self._biased(part, {c: float(bias[c]) for c in edge}, node)

    def _fixed(self, node: Node, rows: list[int], kernel: Tensor, borders: Tensor,
               name: str) -> Part:
        """What a convolution makes of inputs that do not depend on the image."""
        source, parts = node.inputs[0], []
        edge = self.edge[source]
        if edge.index:
            reads = gathered(node, self._member(source, edge.index)) & live_inputs(node)
            some = [c for c in rows if bool(reads[c].any())]
            if some:
                parts.append(self._connect(node, edge, some, name))
        some = [c for c in rows if bool(borders[c])]
        if some:
            ones = self._ones_at(self.levels[source])
            name = name if self.old.nodes[source].op == 'ones' else f'{name}/border'
            weight = kernel[some][:, None].to(node.tensors['weight'].dtype)
            conv = self._make('conv', name, ones, **dict(node.settings, groups=1),
                                tensors=dict(weight=weight, bias=_zeros(weight)))
            parts.append(Part(conv, some))
        return self._sum([self._placed(part, rows) for part in parts], rows, f'{name}/sum')

    def _passing(self, node: Node) -> None:
        for kind, parts in ((LIVE, self.live), (EDGE, self.edge)):
            index = self._wanted(node, kind)
            if index:
                filled = sorted({*index, *self.fill[node.name]}) if kind == LIVE else index
                part = self._take(parts[node.inputs[0]], index, filled)
                name = self._make(node.op, node.name, part.name, **node.settings)
                parts[node.name] = Part(name, part.index)

    def _add(self, node: Node) -> None:
        for kind, parts in ((LIVE, self.live), (EDGE, self.edge)):
            index = self._wanted(node, kind)
            if not index:
                continue
            terms, total = [], torch.zeros(len(self.known[node.name].kind), dtype=torch.float64)
            for source in node.inputs:
                known = self.known[source]
                total += torch.where(known.kind == UNIFORM, known.value, 0.)
                for sort, sources in ((LIVE, self.live), (EDGE, self.edge)):
                    own = [c for c in index if known.kind[c] == sort]
                    if own:
                        terms.append(self._placed(self._take(sources[source], own, index), index))
            numbers = {c: float(total[c]) for c in index if total[c] != 0}
            best = next((i for i, t in enumerate(terms) if self._ends_in_conv(t)), 0)
            terms[best] = self._biased(terms[best], numbers, node)
            parts[node.name] = self._sum(terms, index, node.name)

    def _concat(self, node: Node) -> None:
        for parts in (self.live, self.edge):
            names, index, start = [], [], 0
            for source in node.inputs:
                part = parts[source]
                if part.index:
                    names.append(part.name)
                    index += [start + c for c in part.index]
                start += len(self.known[source].kind)
            if names:
                name = names[0] if len(names) == 1 else self._make('concat', node.name, *names)
                parts[node.name] = Part(name, index)

    def _relabel(self, node: Node) -> None:
        """Place and select: the same channels under other numbers."""
        listed = node.settings['index']
        for kind, parts in ((LIVE, self.live), (EDGE, self.edge)):
            wanted = self._wanted(node, kind)
            before = [listed.index(c) if node.op == 'place' else listed[c] for c in wanted]
            if wanted:
                part = self._take(parts[node.inputs[0]], before, before)
                parts[node.name] = Part(part.name, wanted)

    def _bias(self, node: Node) -> None:
        for kind, parts in ((LIVE, self.live), (EDGE, self.edge)):
            index = self._wanted(node, kind)
            if index:
                part = self._take(parts[node.inputs[0]], index, index)
                parts[node.name] = self._biased(
                    part, {c: float(node.tensors['bias'][c]) for c in index}, node)

    def _mixer(self, node: Node) -> None:
        for kind, parts in ((LIVE, self.live), (EDGE, self.edge)):
            wanted = self._wanted(node, kind)
            if wanted:
                marks = torch.zeros(len(self.known[node.name].kind), dtype=torch.bool)
                marks[wanted] = True
                kept = plain_list(tokens_needed(node, marks).nonzero().flatten())
                tokens = self._whole(node.inputs[0], kept, f'{node.name}/tokens')
                new = keep_tokens(node, kept, wanted)
                name = self._make('mixer', node.name, tokens, tensors=new.tensors, **new.settings)
                parts[node.name] = Part(name, wanted)

    # ------------------------------------------------------------------------------- helpers

    def _make(self, op: str, name: str, *inputs: str, **settings: Any) -> str:
        for source in inputs:
            self.readers[source] = self.readers.get(source, 0) + 1
        return self.new.add(op, name, *inputs, **settings)

    def _ones_at(self, level: int) -> str:
        name = f'ones/{level}'
        return name if name in self.new.nodes else self._make('ones', name, level=level)

    def _wanted(self, node: Node, kind: int) -> list[int]:
        chosen = self.need[node.name] & (self.known[node.name].kind == kind)
        return plain_list(chosen.nonzero().flatten())

    def _member(self, name: str, index: Sequence[int]) -> Tensor:
        marks = torch.zeros(len(self.known[name].kind), dtype=torch.bool)
        marks[list(index)] = True
        return marks

    def _connect(self, node: Node, source: Part, rows: list[int], name: str) -> Part:
        """The convolution between the channels of ``source`` and the output channels ``rows``."""
        settings, tensors = dict(node.settings), {}
        weight, groups = node.tensors['weight'], node.settings['groups']
        if groups == 1:
            tensors['weight'] = weight[rows][:, source.index].contiguous()
            x = source.name
        else:
            outs, ins = len(weight) // groups, weight.shape[1]
            kept = sorted({row // outs for row in rows})
            place = {c: i for i, c in enumerate(source.index)}
            read = [g * ins + j for g in kept for j in range(ins)]
            order = [place.get(c, 0) for c in read]
            x = source.name if order == list(range(len(source.index))) else self._make(
                'select', f'{name}/read', source.name, index=order)
            index = [g * outs + j for g in kept for j in range(outs)]
            there = torch.tensor([c in place for c in read]).view(len(kept), ins)
            there = there.repeat_interleave(outs, dim=0)
            asked = torch.tensor([row in set(rows) for row in index])
            keep = (there & asked[:, None])[:, :, None, None]
            tensors['weight'] = torch.where(keep, weight[index], 0.)
            settings['groups'] = len(kept)
        tensors['bias'] = _zeros(tensors['weight'])
        conv = Part(self._make('conv', name, x, tensors=tensors, **settings),
                    rows if groups == 1 else index)
        return self._take(conv, rows, rows)

    def _take(self, part: Part, index: Sequence[int], filled: Sequence[int]) -> Part:
        """Channels ``index``; with all of ``filled``, where they are there: the others are 0."""
        for wanted in (list(filled), list(index)):
            if part.index == wanted:
                return part
        place = {c: i for i, c in enumerate(part.index)}
        name = self._make('select', f'{part.name}/select', part.name,
                            index=[place[c] for c in index])
        return Part(name, list(index))

    def _placed(self, part: Part, index: Sequence[int]) -> Part:
        """Channels ``index``, of which ``part`` has some and the others are 0."""
        index = list(index)
        if part.index == index:
            return part
        place = {c: i for i, c in enumerate(index)}
        name = self._make('place', f'{part.name}/place', part.name, channels=len(index),
                            index=[place[c] for c in part.index])
        return Part(name, index)

    def _biased(self, part: Part, numbers: dict[int, float], node: Node) -> Part:
        """``part`` with numbers added to its channels."""
        bias = torch.tensor([numbers.get(c, 0.) for c in part.index], dtype=torch.float64)
        if part.name is None or not bool(bias.any()):
            return part
        maker = self._conv_behind(part)
        if maker is not None:
            tensors = self.new.nodes[maker].tensors
            tensors['bias'] = (tensors['bias'].double() + bias).to(tensors['bias'].dtype)
            return part
        name = self._make('bias', f'{part.name}/bias', part.name,
                          tensors=dict(bias=bias.to(self.dtype)))
        return Part(name, part.index)

    def _ends_in_conv(self, part: Part) -> bool:
        return self._conv_behind(part) is not None

    def _conv_behind(self, part: Part) -> str | None:
        """A convolution that only ``part`` shows, through resizing at most."""
        name, allowed = part.name, 0
        while self.readers.get(name, 0) <= allowed:
            node = self.new.nodes[name]
            if node.op == 'conv':
                return name
            if node.op not in PASSING:
                return None
            name, allowed = node.inputs[0], 1
        return None

    def _plus(self, part: Part, fixed: Part, name: str) -> Part:
        if fixed.name is None:
            return part
        fixed = self._placed(fixed, part.index)
        return Part(self._make('add', name, part.name, fixed.name), part.index)

    def _sum(self, parts: list[Part], index: Sequence[int], name: str) -> Part:
        parts = [part for part in parts if part.name is not None]
        if len(parts) < 2:
            return parts[0] if parts else Part()
        return Part(self._make('add', name, *(part.name for part in parts)), list(index))

    def _whole(self, name: str, index: Sequence[int], label: str) -> str:
        """Channels ``index`` of an old node, uniform ones too."""
        known, index, parts = self.known[name], list(index), []
        for kind, sources in ((LIVE, self.live), (EDGE, self.edge)):
            own = [c for c in index if known.kind[c] == kind]
            if own:
                parts.append(self._placed(self._take(sources[name], own, index), index))
        numbers = {c: float(known.value[c]) for c in index}
        if not parts:
            parts = [self._constant(name, index, label)]
        parts[0] = self._biased(parts[0], numbers, self.old.nodes[name])
        return self._sum(parts, index, label).name

    def _constant(self, name: str, index: Sequence[int], label: str) -> Part:
        """Zeros of the size of an old node."""
        level = self.levels[name]
        ones = self._ones_at(level if isinstance(level, int) else 0)
        if not isinstance(level, int):
            ones = self._make('resize', f'{label}/ones', ones, size=level)
        weight = torch.zeros(len(index), 1, 1, 1, dtype=self.dtype)
        conv = self._make('conv', label, ones, stride=1, padding=0, groups=1,
                            tensors=dict(weight=weight, bias=_zeros(weight)))
        return Part(conv, list(index))


_WRITERS: dict[str, Callable[[_Writer, Node], None]] = dict(
    image=_Writer._image, ones=_Writer._ones, coordinates=_Writer._coordinates,
    conv=_Writer._conv, add=_Writer._add, concat=_Writer._concat, place=_Writer._relabel,
    select=_Writer._relabel, bias=_Writer._bias, mixer=_Writer._mixer)


def _zeros(weight: Tensor) -> Tensor:
    return torch.zeros(len(weight), dtype=weight.dtype)
