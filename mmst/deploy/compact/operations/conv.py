"""Computes convolutions of compacted networks."""
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...folding import spread_groups
from ..channels import EDGE, LIVE, UNIFORM, Channels
from ..graph import Node
from ..padder import Layout, Padder, differs, rows
from ..taps import gather, has_borders, live_inputs, uniform_kernel, window_sums
from ..writer import Part, Writer
from .checks import MOST_CHANNELS, check_same, check_whole
from .operation import Operation


class Conv(Operation):
    """Convolves with tensors ``weight`` and ``bias``, zeros around its input.

    Inputs that are constants go into its bias. Where the zeros around them make a difference at the
    borders, a convolution of ones gives their sum.
    """
    settings = ('stride', 'padding', 'groups')
    has_weights = has_bias = True

    def width(self, node, inputs) -> int:
        return node.tensors['weight'].shape[0]

    def level(self, node, before):
        return before + (node.settings['stride'] == 2) if isinstance(before, int) else before

    def check(self, node, inputs) -> None:
        """Refuse strides other than 1 and 2, and kernels that change the size."""
        stride, groups = node.settings['stride'], node.settings['groups']
        outputs, depth, size, width = _kernel_shape(node)
        check_whole('stride', stride, 1, 2 if isinstance(inputs[0].level, int) else 1)
        check_whole('groups', groups, 1, MOST_CHANNELS)
        check_same('the width of its kernel', width, size)
        check_same('the height of its kernel, modulo 2,', size % 2, 1)
        check_whole('padding', node.settings['padding'], size // 2, size // 2)
        check_same('the number of channels that it reads', depth * groups, inputs[0].channels)
        check_same('its number of outputs, modulo groups,', outputs % groups, 0)

    def channels(self, node, inputs) -> Channels:
        bias, connected = node.tensors['bias'].double(), live_inputs(node)
        source = gather(node, inputs[0].kind)
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

    def ask(self, node, wanted, inputs) -> list:
        taps = live_inputs(node) & wanted[:, None]
        return [taps.view(node.settings['groups'], -1, taps.shape[1]).any(1).flatten()]

    def write(self, node, kind, wanted, writer) -> Part:
        kernel = uniform_kernel(node, writer.known.channels[node.inputs[0]])
        borders = has_borders(node, kernel)
        bias = node.tensors['bias'].double() + torch.where(borders, 0., kernel.sum((1, 2)))
        numbers = {c: float(bias[c]) for c in wanted}
        if kind == LIVE:
            part = _connect(node, writer.parts[LIVE][node.inputs[0]],
                            writer.with_zeros(node.name, kind, wanted), node.name, writer)
            fixed = _fixed_output(node, wanted, kernel, borders, f'{node.name}/fixed', writer)
            part = writer.add_numbers(part, numbers)
            if not fixed:
                return part
            terms = [part, writer.place(fixed, part.index)]
            return writer.sum(terms, part.index, f'{node.name}/plus')
        alone = not writer.parts[LIVE][node.name]
        name = node.name if alone else f'{node.name}/edge'
        fixed = _fixed_output(node, wanted, kernel, borders, name, writer)
        return writer.add_numbers(fixed, numbers)

    def pad(self, node: Node, padder: Padder) -> Layout:
        tensors, groups = node.tensors, node.settings['groups']
        layout = padder.layouts[node.inputs[0]]
        if 1 < groups == padder.widths[node.name] == padder.widths[node.inputs[0]]:  # depthwise
            padder.put(node, tensors={name: rows(t, layout) for name, t in tensors.items()},
                       groups=len(layout))
            return layout
        padded = padder.pad_layout(node)
        if not differs(layout) and not differs(padded):
            padder.put(node)
            return padded
        columns = rows(spread_groups(tensors['weight'], groups), padded).transpose(0, 1)
        weight = rows(columns, layout).transpose(0, 1).contiguous()
        padder.put(node, tensors=dict(weight=weight, bias=rows(tensors['bias'], padded)), groups=1)
        return padded

    def store(self, tensors) -> dict:
        """Return the stored tensors: a bias that is 0 throughout is omitted."""
        return {name: t for name, t in tensors.items() if name == 'weight' or bool(t.any())}

    def restore(self, tensors) -> dict:
        return {**tensors, 'bias': tensors.get('bias', torch.zeros_like(
            tensors['weight'][:, 0, 0, 0]))}

    def module(self, node, width, static) -> nn.Module:
        weight, bias = node.tensors['weight'], node.tensors.get('bias')
        if static:
            return StaticConv(weight, bias, **node.settings)
        conv = nn.Conv2d(width, weight.shape[0], tuple(weight.shape[2:]), bias=bias is not None,
                         **node.settings)
        if conv.weight.shape != weight.shape:
            raise ValueError(f'{node.name} does not fit its input')
        return conv


class StaticConv(nn.Module):
    """Convolves maps that do not depend on the image, at no cost per image."""

    def __init__(self, weight: Tensor, bias: Tensor | None, **settings: int):
        super().__init__()
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(bias) if bias is not None else None
        self.settings = settings

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight, self.bias, **self.settings)


def _kernel_shape(node: Node) -> tuple[int, ...]:
    """Return the shape of the weight: (outputs, inputs of a group, height, width)."""
    shapes = {name: tuple(tensor.shape) for name, tensor in node.tensors.items()}
    weight, bias = shapes.pop('weight', ()), shapes.pop('bias', None)
    check_same('the number of dimensions of its weight', len(weight), 4)
    check_same('the set of its other weights', sorted(shapes), [])
    if bias is not None:
        check_same('the shape of its bias', bias, weight[:1])
    return weight


def _fixed_output(node: Node, wanted: list[int], kernel: Tensor, borders: Tensor, name: str,
           writer: Writer) -> Part:
    """Return a convolution's output for inputs that do not depend on the image."""
    source, parts = node.inputs[0], []
    edge = writer.parts[EDGE][source]
    if edge:
        member = torch.zeros(len(writer.known.channels[source]), dtype=torch.bool)
        member[edge.index] = True
        reads = gather(node, member) & live_inputs(node)
        some = [c for c in wanted if bool(reads[c].any())]
        if some:
            parts.append(_connect(node, edge, some, name, writer))
    some = [c for c in wanted if bool(borders[c])]
    if some:
        ones = writer.ones(writer.known.levels[source])
        name = name if writer.old.nodes[source].op == 'ones' else f'{name}/border'
        weight = kernel[some][:, None].to(node.tensors['weight'].dtype)
        conv = writer.conv(name, ones, weight, **dict(node.settings, groups=1))
        parts.append(Part(conv, some))
    return writer.sum([writer.place(part, wanted) for part in parts], wanted, f'{name}/sum')


def _connect(node: Node, source: Part, wanted: list[int], name: str, writer: Writer) -> Part:
    """Return the convolution between the channels of ``source`` and the output channels ``wanted``.
    """
    weight, groups = node.tensors['weight'], node.settings['groups']
    if groups == 1:
        weight = weight[wanted][:, source.index].contiguous()
        return Part(writer.conv(name, source.name, weight, **node.settings), wanted)
    outs, ins = len(weight) // groups, weight.shape[1]
    kept = sorted({row // outs for row in wanted})
    place = {c: i for i, c in enumerate(source.index)}
    read = [g * ins + j for g in kept for j in range(ins)]
    order = [place.get(c, 0) for c in read]
    x = source.name if order == list(range(len(source.index))) else writer.make(
        'select', f'{name}/read', source.name, index=order)
    index = [g * outs + j for g in kept for j in range(outs)]
    there = torch.tensor([c in place for c in read]).view(len(kept), ins)
    there = there.repeat_interleave(outs, dim=0)
    rows_wanted = set(wanted)
    asked = torch.tensor([row in rows_wanted for row in index])
    taps = torch.where((there & asked[:, None])[:, :, None, None], weight[index], 0.)
    conv = writer.conv(name, x, taps, **dict(node.settings, groups=len(kept)))
    return writer.take(Part(conv, index), wanted)
