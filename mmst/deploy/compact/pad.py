"""Channel counts that are multiples of a number, by channels that are 0 throughout."""

from torch import Tensor

from .graph import Graph, Node

#: Layout of a node: for each of its channels the old channel, or None where it is padding.
Layout = list

_THROUGH = ('add', 'relu', 'bias', 'resize', 'upsample', 'mean')


def pad(graph: Graph, multiple: int) -> Graph:
    """The same function with channel counts that are multiples of ``multiple``.

    Tokens are not padded, since each takes part in every softmax; nor are the outputs. Grouped
    convolutions other than depthwise ones become dense ones.
    """
    return _Padder(graph, multiple).pad() if multiple > 1 else graph


class _Padder:

    def __init__(self, graph: Graph, multiple: int):
        self.old, self.new, self.multiple = graph, Graph(graph.flatten), multiple
        self.widths, self.exact = graph.widths(), _exact(graph)
        self.layouts: dict[str, Layout] = {}

    def pad(self) -> Graph:
        for node in self.old:
            make = getattr(self, f'_{node.op}', self._other)
            self.layouts[node.name] = make(node)
        for name in self.old.outputs:
            self.new.outputs.append(self._strip(name))
        return self.new.sweep()

    def _conv(self, node: Node) -> Layout:
        source, tensors = node.inputs[0], node.tensors
        groups, outs = node.settings['groups'], self.widths[node.name]
        layout = self.layouts[source]
        if 1 < groups == outs == self.widths[source]:  # depthwise
            self._put(node, [source], dict(
                weight=_rows(tensors['weight'], layout), bias=_rows(tensors['bias'], layout)),
                groups=len(layout))
            return layout
        padded = self._padded(node)
        dense = _dense(tensors['weight'], groups) if _differ(layout) or _differ(padded) else None
        if dense is None:
            self._put(node, [source], tensors)
            return padded
        weight = _rows(_rows(dense, padded).transpose(0, 1), layout).transpose(0, 1).contiguous()
        bias = _rows(tensors['bias'], padded)
        self._put(node, [source], dict(weight=weight, bias=bias), groups=1)
        return padded

    def _add(self, node: Node) -> Layout:
        layouts = [self.layouts[name] for name in node.inputs]
        if all(layout == layouts[0] for layout in layouts):
            self._put(node, node.inputs)
            return layouts[0]
        self._put(node, [self._strip(name) for name in node.inputs])
        return list(range(self.widths[node.name]))

    def _concat(self, node: Node) -> Layout:
        self._put(node, node.inputs)
        found, start = [], 0
        for name in node.inputs:
            found += [None if c is None else start + c for c in self.layouts[name]]
            start += self.widths[name]
        return found

    def _bias(self, node: Node) -> Layout:
        layout = self.layouts[node.inputs[0]]
        self._put(node, node.inputs, dict(bias=_rows(node.tensors['bias'], layout)))
        return layout

    def _place(self, node: Node) -> Layout:
        padded = self._padded(node)
        self._put(node, [self._strip(node.inputs[0])], channels=len(padded))
        return padded

    def _select(self, node: Node) -> Layout:
        place = {c: i for i, c in enumerate(self.layouts[node.inputs[0]])}
        self._put(node, node.inputs, index=[place[c] for c in node.settings['index']])
        return list(range(self.widths[node.name]))

    def _mixer(self, node: Node) -> Layout:
        self._put(node, [self._strip(node.inputs[0])], node.tensors)
        return list(range(self.widths[node.name]))

    def _other(self, node: Node) -> Layout:
        self._put(node, node.inputs, node.tensors)
        return self.layouts[node.inputs[0]] if node.inputs else list(range(self.widths[node.name]))

    def _put(self, node: Node, inputs, tensors=None, **changes) -> None:
        self.new.nodes[node.name] = Node(node.name, node.op, list(inputs),
                                         dict(node.settings, **changes), dict(tensors or {}))

    def _padded(self, node: Node) -> Layout:
        width = self.widths[node.name]
        extra = 0 if node.name in self.exact else -width % self.multiple
        return list(range(width)) + [None] * extra

    def _strip(self, name: str) -> str:
        layout = self.layouts[name]
        if not _differ(layout):
            return name
        real = sorted((c, i) for i, c in enumerate(layout) if c is not None)
        return self.new.add('select', f'{name}/strip', name, index=[i for _, i in real])


def _exact(graph: Graph) -> set[str]:
    """Nodes whose channels are tokens or outputs, and what feeds nothing else."""
    readers = graph.consumers()
    found = {name for name in graph.outputs if len(readers[name]) == 1}
    for node in reversed(list(graph)):
        feeds_tokens = any(graph.nodes[r].op == 'mixer' for r in readers[node.name] if r)
        if feeds_tokens and len(readers[node.name]) == 1:
            found.add(node.name)
        if node.name in found and node.op in _THROUGH:
            found.update(name for name in node.inputs if len(readers[name]) == 1)
    return found


def _differ(layout: Layout) -> bool:
    return layout != list(range(len(layout)))


def _rows(tensor: Tensor, layout: Layout) -> Tensor:
    found = tensor.new_zeros(len(layout), *tensor.shape[1:])
    real = [i for i, c in enumerate(layout) if c is not None]
    found[real] = tensor[[layout[i] for i in real]]
    return found


def _dense(weight: Tensor, groups: int) -> Tensor:
    if groups == 1:
        return weight
    outs, ins = len(weight) // groups, weight.shape[1]
    dense = weight.new_zeros(len(weight), groups * ins, *weight.shape[2:])
    for g in range(groups):
        rows = slice(g * outs, (g + 1) * outs)
        dense[rows, g * ins:(g + 1) * ins] = weight[rows]
    return dense
