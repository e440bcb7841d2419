"""Which channels depend on the image, which are constant, and which are needed."""
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from .graph import Graph, Node, plain_list

#: Kinds of channels: one number everywhere; a map that depends on the input size alone (it differs
#: near the borders); a map that depends on the image.
UNIFORM, EDGE, LIVE = 0, 1, 2
#: Operations that keep channels apart and uniform channels uniform, and add nothing.
PASSING = ('resize', 'upsample', 'mean')


@dataclass
class Channels:
    """What is known of a node's channels; 1-D tensors, one entry a channel.

    Attributes:
        kind (Tensor): ``UNIFORM``, ``EDGE`` or ``LIVE``.
        value (Tensor): The number of each uniform channel; 0 for others. Double precision.
        high (Tensor): An upper bound of each edge channel, infinite where unknown.
    """
    kind: Tensor
    value: Tensor
    high: Tensor

    def at(self, index: Tensor) -> 'Channels':
        """The channels of ``index``."""
        return Channels(self.kind[index], self.value[index], self.high[index])


def classify(graph: Graph) -> dict[str, Channels]:
    """Kinds of all channels, from the image on."""
    found: dict[str, Channels] = {}
    for node in graph:
        found[node.name] = _RULES[node.op](node, [found[name] for name in node.inputs])
    return found


def needed(graph: Graph, known: dict[str, Channels]) -> dict[str, Tensor]:
    """Bool tensors: channels of which an output depends; from the outputs back.

    Uniform channels need nothing before them: their number goes into biases.
    """
    need = {name: torch.zeros(len(c.kind), dtype=torch.bool) for name, c in known.items()}
    for name in graph.outputs:
        need[name][:] = True
    for node in reversed(list(graph)):
        wanted = need[node.name] & (known[node.name].kind != UNIFORM)
        if node.inputs and bool(wanted.any()):
            for source, asked in _asked(node, wanted, known, need):
                need[source] |= asked & (known[source].kind != UNIFORM)
    return need


def fillers(graph: Graph, known: dict[str, Channels],
             need: dict[str, Tensor]) -> dict[str, list[int]]:
    """Channels that a convolution gives as zeros because a sum with live ones wants them.

    A row of zeros costs less than sorting the others into their places.
    """
    found: dict[str, list[int]] = {name: [] for name in graph.nodes}
    readers = graph.consumers()
    for node in reversed(list(graph)):
        if node.op == 'add':
            live = need[node.name] & (known[node.name].kind == LIVE)
            for source in node.inputs:
                maker = graph.nodes[source].op
                if maker in ('conv', *PASSING) and len(readers[source]) == 1:
                    found[source] = plain_list(
                        (live & (known[source].kind != LIVE)).nonzero().flatten())
        elif node.op in PASSING and found[node.name]:
            source = node.inputs[0]
            if len(readers[source]) == 1 and graph.nodes[source].op in ('conv', *PASSING):
                found[source] = list(found[node.name])
    return found


# ------------------------------------------------------------------------------ forward rules


def uniform(value: Tensor) -> Channels:
    """Channels that are one number each."""
    value = value.double()
    return Channels(torch.full((len(value), ), UNIFORM), value, torch.full_like(value, torch.inf))


def _all(count: int, kind: int) -> Channels:
    return Channels(torch.full((count, ), kind), torch.zeros(count, dtype=torch.float64),
                    torch.full((count, ), torch.inf, dtype=torch.float64))


def _cat(parts: list[Channels]) -> Channels:
    return Channels(*(torch.cat([getattr(p, name) for p in parts])
                      for name in ('kind', 'value', 'high')))


def _conv(node: Node, inputs: list[Channels]) -> Channels:
    _weight, bias = node.tensors['weight'].double(), node.tensors['bias'].double()
    connected = live_inputs(node)
    source = gathered(node, inputs[0].kind)
    kind = (source * connected).amax(1) if connected.shape[1] else source.new_zeros(len(bias))
    constant = uniform_kernel(node, inputs[0])
    borders = has_borders(node, constant)
    kind = torch.where((kind == UNIFORM) & borders, EDGE, kind)
    value = torch.where(kind == UNIFORM, bias + constant.sum((1, 2)), 0.)
    only_uniform = ((source == UNIFORM) | ~connected).all(1) & borders
    high = torch.full_like(value, torch.inf)
    if bool(only_uniform.any()):
        sums = window_sums(constant[only_uniform], node.settings['padding'])
        high[only_uniform] = bias[only_uniform] + sums.flatten(1).amax(1)
    return Channels(kind, value, high)


def _relu(node: Node, inputs: list[Channels]) -> Channels:
    x = inputs[0]
    off = (x.kind == EDGE) & (x.high <= 0)
    return Channels(torch.where(off, UNIFORM, x.kind), x.value.clamp(min=0), x.high.clamp(min=0))


def _add(node: Node, inputs: list[Channels]) -> Channels:
    kind = torch.stack([x.kind for x in inputs]).amax(0)
    value = torch.stack([x.value for x in inputs]).sum(0)
    return Channels(kind, torch.where(kind == UNIFORM, value, 0.),
                    torch.full_like(value, torch.inf))


def _bias(node: Node, inputs: list[Channels]) -> Channels:
    x, bias = inputs[0], node.tensors['bias'].double()
    return Channels(x.kind, torch.where(x.kind == UNIFORM, x.value + bias, 0.), x.high + bias)


def _place(node: Node, inputs: list[Channels]) -> Channels:
    found = uniform(torch.zeros(node.settings['channels']))
    for name in ('kind', 'value', 'high'):
        getattr(found, name)[node.settings['index']] = getattr(inputs[0], name)
    return found


def _mixer(node: Node, inputs: list[Channels]) -> Channels:
    live = bool((inputs[0].kind == LIVE).any())
    return _all(len(node.settings['decoder_rows']), LIVE if live else EDGE)


_RULES: dict[str, Callable[[Node, list[Channels]], Channels]] = dict(
    image=lambda node, inputs: _all(node.settings['channels'], LIVE),
    ones=lambda node, inputs: uniform(torch.ones(1)),
    coordinates=lambda node, inputs: _all(2, EDGE),
    conv=_conv, relu=_relu, add=_add, bias=_bias, place=_place, mixer=_mixer,
    concat=lambda node, inputs: _cat(inputs),
    resize=lambda node, inputs: inputs[0],
    upsample=lambda node, inputs: inputs[0],
    mean=lambda node, inputs: inputs[0],
    select=lambda node, inputs: inputs[0].at(torch.tensor(node.settings['index'])))


# ------------------------------------------------------------------------------ backward rules


def _asked(node: Node, wanted: Tensor, known: dict[str, Channels],
           need: dict[str, Tensor]) -> list[tuple[str, Tensor]]:
    if node.op == 'add':
        return [(name, wanted) for name in node.inputs]
    if node.op == 'concat':
        sizes = [len(known[name].kind) for name in node.inputs]
        return list(zip(node.inputs, wanted.split(sizes), strict=True))
    source = node.inputs[0]
    if node.op == 'conv':
        return [(source, _asked_by_conv(node, wanted))]
    if node.op == 'place':
        return [(source, wanted[torch.tensor(node.settings['index'])])]
    if node.op == 'select':
        asked = torch.zeros_like(need[source])
        asked[torch.tensor(node.settings['index'])[wanted]] = True
        return [(source, asked)]
    if node.op == 'mixer':
        return [(source, tokens_needed(node, wanted))]
    return [(source, wanted)]


def _asked_by_conv(node: Node, wanted: Tensor) -> Tensor:
    groups = node.settings['groups']
    rows = live_inputs(node) & wanted[:, None]
    return rows.view(groups, -1, rows.shape[1]).any(1).flatten()


def tokens_needed(node: Node, wanted: Tensor) -> Tensor:
    """Input tokens of a mixer that its output tokens ``wanted`` depend on.

    While an attention adds something, every token is a key of it.
    """
    names = ('encoder.attention.out.weight', 'decoder.attention.out.weight')
    asked = torch.zeros(node.settings['tokens'], dtype=torch.bool)
    encoder = torch.tensor(node.settings['encoder_rows'])
    if names[1] in node.tensors:
        asked[encoder] = True
    else:
        asked[encoder[torch.tensor(node.settings['decoder_rows'])[wanted]]] = True
    return torch.ones_like(asked) if names[0] in node.tensors else asked


# ------------------------------------------------------------------------------- convolutions


def live_inputs(node: Node) -> Tensor:
    """(out, in / groups) bool: whether any tap between two channels of a convolution is not 0."""
    return node.tensors['weight'].ne(0).flatten(2).any(2)


def gathered(node: Node, per_input: Tensor) -> Tensor:
    """(out, in / groups): an entry for each input channel as each output channel sees it."""
    groups = node.settings['groups']
    outs = node.tensors['weight'].shape[0]
    return per_input.view(groups, -1).repeat_interleave(outs // groups, dim=0)


def uniform_kernel(node: Node, source: Channels) -> Tensor:
    """(out, k, k): the taps on all uniform inputs together, times their numbers."""
    values = gathered(node, torch.where(source.kind == UNIFORM, source.value, 0.))
    return (node.tensors['weight'].double() * values[:, :, None, None]).sum(1)


def has_borders(node: Node, kernel: Tensor) -> Tensor:
    """Whether a (out, k, k) kernel on a constant map gives other values at the borders.

    Taps that never leave the map do not: those from ``padding`` to ``k - 1 - padding``.
    """
    k, padding = kernel.shape[-1], node.settings['padding']
    outside = torch.ones(k, k, dtype=torch.bool)
    outside[padding:k - padding, padding:k - padding] = False
    return (kernel[:, outside] != 0).any(1)


def window_sums(kernel: Tensor, padding: int) -> Tensor:
    """(out, windows, windows): sums of the (out, k, k) taps within the map, for all positions.

    At each side 0 to ``padding`` taps may lie outside.
    """
    k = kernel.shape[-1]
    inside = torch.zeros((padding + 1)**2, k, dtype=kernel.dtype)
    for i in range(len(inside)):
        before, after = divmod(i, padding + 1)
        inside[i, before:k - after] = 1
    return inside @ kernel @ inside.T
