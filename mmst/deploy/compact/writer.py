"""Holds the new graph while it is written, and the old one's channels that its nodes compute."""
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from .channels import COMPUTED, LIVE, Channels
from .graph import Graph, Node, positions

#: The size that pooling gives.
POOLED = [1, 1]


@dataclass
class Part:
    """Names the channels of an old node, in this order, that a node of the new graph computes.

    Channels may be among them that are 0 throughout: those that a sum wants filled with zeros.
    """
    name: str = ''
    index: list[int] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Return whether a node computes it."""
        return bool(self.name)


@dataclass(frozen=True)
class Findings:
    """Holds the analysis of the old graph; every dictionary has an entry for each node.

    Attributes:
        channels (Dict[str, Channels]): Kinds of channels, and the numbers of uniform ones.
        needed (Dict[str, Tensor]): Bool: channels that an output depends on.
        zeros (Dict[str, List[int]]): Channels that are written as zeros, for a sum.
        levels (Dict[str, Union[int, List[int]]]): Sizes of the maps.
    """
    channels: Mapping[str, Channels]
    needed: Mapping[str, Tensor]
    zeros: Mapping[str, list[int]]
    levels: Mapping[str, int | list[int]]


class Writer:
    """Adds nodes to the new graph and finds channels of the old one in it.

    Channels that depend on the image and others are kept apart: a part of each kind for every node.

    Args:
        old (Graph): The graph to rewrite.
        known (Findings): About ``old``.
        with_bias (Collection[str]): Operations that add a number to each channel by themselves.
        passing_bias (Collection[str]): Operations behind which adding a number to a channel is the
            same as before them.
    """

    def __init__(self, old: Graph, known: Findings, with_bias: Collection[str],
                 passing_bias: Collection[str]):
        self.old, self.new, self.known = old, Graph(old.flatten), known
        self.dtype = next((t.dtype for n in old for t in n.tensors.values()), torch.float32)
        self.parts: dict[int, dict[str, Part]] = {
            kind: {node.name: Part() for node in old} for kind in COMPUTED}
        self._with_bias, self._passing_bias = with_bias, passing_bias
        #: New nodes to the number of their readers; nodes that must stay as they are count as read.
        self._readers: dict[str, int] = {}

    def make(self, op: str, name: str, *inputs: str, **settings: Any) -> str:
        """Add a node to the new graph; returns its name."""
        for source in inputs:
            self._readers[source] = self._readers.get(source, 0) + 1
        return self.new.add(op, name, *inputs, **settings)

    def conv(self, name: str, x: str, weight: Tensor, **settings: int) -> str:
        """Add a convolution without bias; returns its name."""
        settings = {**dict(stride=1, padding=0, groups=1), **settings}
        zeros = torch.zeros(len(weight), dtype=weight.dtype)
        return self.make('conv', name, x, tensors=dict(weight=weight, bias=zeros), **settings)

    def ones(self, level: int | list[int]) -> str:
        """Return the one map of ones of a level's size, or of a fixed size."""
        name = f'ones/{level}' if isinstance(level, int) else f'ones/{"x".join(map(str, level))}'
        if name in self.new.nodes:
            return name
        if isinstance(level, int):
            return self.make('ones', name, level=level)
        if level == POOLED:  # no other operation makes a map of one pixel
            return self.make('mean', name, self.ones(0))
        return self.make('resize', name, self.ones(0), size=level)

    def keep_as_it_is(self, part: Part) -> None:
        """Let nothing be added to a part: several nodes read it."""
        self._readers[part.name] = self._readers.get(part.name, 0) + 2

    def needed_channels(self, name: str, kind: int) -> list[int]:
        """Return channels of an old node that are of that kind and needed."""
        return positions(self.known.needed[name] & (self.known.channels[name].kind == kind))

    def with_zeros(self, name: str, kind: int, index: Iterable[int]) -> list[int]:
        """Return ``index`` with the channels that are to be written as zeros."""
        return sorted({*index, *self.known.zeros[name]}) if kind == LIVE else list(index)

    # ------------------------------------------------------------------ parts out of parts

    def take(self, part: Part, index: Sequence[int], filled: Sequence[int] | None = None) -> Part:
        """Return channels ``index``; with all of ``filled``, where they are there: the others are
        0.
        """
        index = list(index)
        if part.index in (index, index if filled is None else list(filled)):
            return part
        place = {c: i for i, c in enumerate(part.index)}
        name = self.make('select', f'{part.name}/select', part.name,
                         index=[place[c] for c in index])
        return Part(name, index)

    def place(self, part: Part, index: Sequence[int]) -> Part:
        """Return channels ``index``, of which ``part`` has some and the others are 0."""
        index = list(index)
        if part.index == index:
            return part
        place = {c: i for i, c in enumerate(index)}
        name = self.make('place', f'{part.name}/place', part.name, channels=len(index),
                         index=[place[c] for c in part.index])
        return Part(name, index)

    def add_numbers(self, part: Part, numbers: Mapping[int, float]) -> Part:
        """Return ``part`` with numbers added to its channels, in a bias before it where there is
        one.
        """
        bias = torch.tensor([numbers.get(c, 0.) for c in part.index], dtype=torch.float64)
        if not part or not bool(bias.any()):
            return part
        maker = self._bias_before(part)
        if maker is not None:
            tensors = self.new.nodes[maker].tensors
            tensors['bias'] = (tensors['bias'].double() + bias).to(tensors['bias'].dtype)
            return part
        name = self.make('bias', f'{part.name}/bias', part.name,
                         tensors=dict(bias=bias.to(self.dtype)))
        return Part(name, part.index)

    def takes_numbers(self, part: Part) -> bool:
        """Return whether numbers can be added to a part without another operation."""
        return self._bias_before(part) is not None

    def sum(self, parts: Iterable[Part], index: Sequence[int], name: str) -> Part:
        """Return the sum of parts that all have the channels ``index``."""
        parts = [part for part in parts if part]
        if len(parts) < 2:
            return parts[0] if parts else Part()
        return Part(self.make('add', name, *(part.name for part in parts)), list(index))

    def terms(self, name: str, index: Sequence[int]) -> list[Part]:
        """Return parts whose sum is an old node's computed channels among ``index``; 0 elsewhere.
        """
        kinds = self.known.channels[name].kind
        own = {kind: [c for c in index if kinds[c] == kind] for kind in COMPUTED}
        return [self.place(self.take(self.parts[kind][name], some, index), index)
                for kind, some in own.items() if some]

    def whole(self, name: str, index: Iterable[int], label: str) -> str:
        """Return channels ``index`` of an old node, uniform ones too; returns the new node's name.
        """
        index = list(index)
        value = self.known.channels[name].value
        terms = self.terms(name, index) or [self._zeros(name, index, label)]
        terms[0] = self.add_numbers(terms[0], {c: float(value[c]) for c in index})
        return self.sum(terms, index, label).name

    def _zeros(self, name: str, index: list[int], label: str) -> Part:
        """Return zeros of the size of an old node."""
        ones = self.ones(self.known.levels[name])
        weight = torch.zeros(len(index), 1, 1, 1, dtype=self.dtype)
        return Part(self.conv(label, ones, weight), index)

    def _bias_before(self, part: Part) -> str | None:
        """Return a node with biases that only ``part`` shows, through resizing at most."""
        name, allowed = part.name, 0
        while self._readers.get(name, 0) <= allowed:
            node: Node = self.new.nodes[name]
            if node.op in self._with_bias:
                return name
            if node.op not in self._passing_bias:
                return None
            name, allowed = node.inputs[0], 1
        return None
