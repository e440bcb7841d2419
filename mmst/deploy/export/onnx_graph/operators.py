"""Writes each operation of a compacted network as ONNX nodes."""
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ...compact.graph import Node
from ...compact.take import order_of_put
from .builder import GraphBuilder
from .joined import MIXCONV, SAME
from .mixer import write_mixer


@dataclass
class Known:
    """Describes a node for its writing.

    Attributes:
        width (int): Its channels.
        level (int | list[int]): Of its output.
        fixed (bool): Whether it does not depend on the image; its batch is one then.
        inputs_fixed (Sequence[bool]): The same of its inputs.
        inputs_shapes (Sequence[tuple]): Channels and level of its inputs.
    """
    width: int
    level: int | list[int]
    fixed: bool
    inputs_fixed: Sequence[bool]
    inputs_shapes: Sequence[tuple]


#: Takes the builder, the node, names of its inputs, and the known facts; returns its output's name.
Write = Callable[[GraphBuilder, Node, Sequence[str], Known], str]


def _image(to: GraphBuilder, node: Node, inputs: Sequence[str], known: Known) -> str:
    return to.image


def _same(to: GraphBuilder, node: Node, inputs: Sequence[str], known: Known) -> str:
    return inputs[0]


def _ones(to: GraphBuilder, node: Node, inputs: Sequence[str], known: Known) -> str:
    from onnx import numpy_helper
    return to.add('ConstantOfShape', to.shape(1, known.level, alone=True),
                  value=numpy_helper.from_array(np.ones(1, np.float32)))


def _conv(to: GraphBuilder, node: Node, inputs: Sequence[str], known: Known) -> str:
    return to.conv(inputs[0], node.tensors['weight'], node.tensors['bias'], **node.settings)


def _mixconv(to: GraphBuilder, node: Node, inputs: Sequence[str], known: Known) -> str:
    t, paddings = node.tensors, node.settings['paddings']
    wide = to.add('Relu', to.conv(inputs[0], t['expand'], t['expand_bias']))
    widths = [len(t[f'depthwise.{i}']) for i in range(len(paddings))]
    parts = to.node('Split', wide, to.constant(widths), axis=1, outputs=len(widths))
    deep = [to.conv(part, t[f'depthwise.{i}'], t[f'depthwise_bias.{i}'], node.settings['stride'],
                    padding, width)
            for i, (part, padding, width) in enumerate(zip(parts, paddings, widths, strict=True))]
    deep_map = to.add('Relu', to.add('Concat', *deep, axis=1))
    return to.conv(deep_map, t['project'], t['project_bias'])


def _relu(to: GraphBuilder, node: Node, inputs: Sequence[str], known: Known) -> str:
    return to.add('Relu', inputs[0])


def _add(to: GraphBuilder, node: Node, inputs: Sequence[str], known: Known) -> str:
    total = inputs[0]
    for x in inputs[1:]:
        total = to.add('Add', total, x)
    return total


def _concat(to: GraphBuilder, node: Node, inputs: Sequence[str], known: Known) -> str:
    maps = [x if known.fixed or not fixed else to.add('Expand', x, to.shape(*shape))
            for x, fixed, shape in zip(inputs, known.inputs_fixed, known.inputs_shapes,
                                       strict=True)]
    return to.add('Concat', *maps, axis=1)


def _resize(to: GraphBuilder, node: Node, inputs: Sequence[str], known: Known) -> str:
    return to.resize(inputs[0], known.width, node.settings['size'], known.fixed)


def _upsample(to: GraphBuilder, node: Node, inputs: Sequence[str], known: Known) -> str:
    x, level = to.enlarge(inputs[0]), known.level
    if to.size is not None and isinstance(level, int) and not any(
            -(-n // 2**level) % 2 for n in to.size):
        return x
    return to.resize(x, known.width, level, known.fixed)  # for odd sizes; others stay


def _mean(to: GraphBuilder, node: Node, inputs: Sequence[str], known: Known) -> str:
    return to.add('GlobalAveragePool', inputs[0])


def _place(to: GraphBuilder, node: Node, inputs: Sequence[str], known: Known) -> str:
    index, width = node.settings['index'], node.settings['channels']
    if len(index) == width:
        return to.take(inputs[0], order_of_put(index, width), width)
    # Not Pad, which converters know of heights and widths alone.
    zeros = to.conv(inputs[0], torch.zeros(width - len(index), len(index), 1, 1), None)
    return to.take(to.add('Concat', zeros, inputs[0], axis=1), order_of_put(index, width), width)


def _select(to: GraphBuilder, node: Node, inputs: Sequence[str], known: Known) -> str:
    return to.take(inputs[0], node.settings['index'], known.inputs_shapes[0][0])


def _bias(to: GraphBuilder, node: Node, inputs: Sequence[str], known: Known) -> str:
    return to.add('Add', inputs[0], to.constant(node.tensors['bias'][:, None, None], 'bias'))


def _mixer(to: GraphBuilder, node: Node, inputs: Sequence[str], known: Known) -> str:
    out = write_mixer(to, inputs[0], node.tensors, node.settings)
    level = known.level
    assert not isinstance(level, int), 'a Transformer works on a map of fixed size'
    return to.add('Reshape', out, to.constant([0, known.width, *level]))


WRITE: Mapping[str, Write] = {
    'image': _image, 'ones': _ones, 'conv': _conv, 'relu': _relu, 'add': _add, 'concat': _concat,
    'resize': _resize, 'upsample': _upsample, 'mean': _mean, 'place': _place, 'select': _select,
    'bias': _bias, 'mixer': _mixer, MIXCONV: _mixconv, SAME: _same}
