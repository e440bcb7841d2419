"""Collects the nodes and constants of an ONNX graph."""
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from torch import Tensor

from ...compact.take import runs

#: Opsets from which on an operator is there, or takes sizes of some axes alone.
LAYER_NORM, ATTENTION, RESIZE_AXES = 17, 23, 18


class GraphBuilder:
    """Adds nodes one by one; constants and nodes that are there already are not made again.

    Args:
        opset (int): Version of the operator set, 13 or above.
        image (str): Name of the input, (N, channels, H, W).
        size (Sequence[int], optional): Height and width of the images, where they are fixed.
        prefix (str): Of all names that it makes.
        attention (bool): Whether to use the operator Attention, from opset 23 on.
    """

    def __init__(self, opset: int, image: str, size: Sequence[int] | None = None,
                 prefix: str = '', attention: bool = False):
        self.opset, self.image, self.size, self.prefix = opset, image, size, prefix
        self.attention = attention and opset >= ATTENTION
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, np.ndarray] = {}
        self._names: dict[tuple, str] = {}

    def node(self, op: str, *inputs: str, outputs: int = 1, name: str | None = None,
             **attributes: Any) -> list[str]:
        """Add a node of several outputs; returns their names."""
        base = self.prefix + (name or op) + f'_{len(self.nodes)}'
        made = [base] if outputs == 1 else [f'{base}_{i}' for i in range(outputs)]
        self.nodes.append(helper.make_node(op, list(inputs), made, base, **attributes))
        return made

    def add(self, op: str, *inputs: str, name: str | None = None, **attributes: Any) -> str:
        """Add a node of one output; returns its name."""
        return self.node(op, *inputs, name=name, **attributes)[0]

    def once(self, op: str, *inputs: str, **attributes: Any) -> str:
        """Return the output of a node that is there, or of a new one."""
        key = (op, inputs, repr(sorted(attributes.items())))
        if key not in self._names:
            self._names[key] = self.add(op, *inputs, **attributes)
        return self._names[key]

    def constant(self, value: Tensor | np.ndarray | Sequence[int] | int,
                 name: str = 'constant') -> str:
        """Return the name of a constant; equal ones are stored once. Whole numbers are int64."""
        if isinstance(value, Tensor):
            value = value.detach().cpu().contiguous()
            value = (value.float() if value.is_floating_point() else value).numpy()
        array = np.ascontiguousarray(value) if isinstance(value, np.ndarray) else np.array(
            value, np.int64)
        key = ('', array.dtype.str, array.shape, array.tobytes())
        if key not in self._names:
            self._names[key] = f'{self.prefix}{name}_{len(self.constants)}'
            self.constants[self._names[key]] = array
        return self._names[key]

    def initializers(self) -> list[onnx.TensorProto]:
        """Return all constants."""
        return [numpy_helper.from_array(array, name) for name, array in self.constants.items()]

    # ------------------------------------------------------------------------------- sizes

    def batch(self) -> str:
        """Return the number of images, (1, )."""
        return self.once('Slice', self.once('Shape', self.image), *map(
            self.constant, ([0], [1], [0])))

    def height_width(self, level: int | Sequence[int]) -> str:
        """Return a map's height and width, (2, ): halved ``level`` times, rounding up, or fixed."""
        if not isinstance(level, int):
            return self.constant(list(level))
        if self.size is not None:
            return self.constant([-(-n // 2**level) for n in self.size])
        image = self.once('Slice', self.once('Shape', self.image), *map(
            self.constant, ([2], [4], [0])))
        if not level:
            return image
        more = self.once('Add', image, self.constant([2**level - 1] * 2))
        return self.once('Div', more, self.constant([2**level] * 2))

    def shape(self, channels: int, level: int | Sequence[int], alone: bool = False) -> str:
        """Return the shape of a map, (4, ); ``alone``: of one that is the same for all images."""
        first = self.constant([1]) if alone else self.batch()
        return self.once('Concat', first, self.constant([channels]), self.height_width(level),
                         axis=0)

    # --------------------------------------------------------------------------- operators

    def resize(self, x: str, channels: int, level: int | Sequence[int], alone: bool = False) -> str:
        """Resize a map bilinearly to a level's size."""
        how = dict(mode='linear', coordinate_transformation_mode='half_pixel')
        if self.opset >= RESIZE_AXES:
            return self.add('Resize', x, '', '', self.height_width(level), axes=[2, 3], **how)
        return self.add('Resize', x, '', '', self.shape(channels, level, alone), **how)

    def enlarge(self, x: str) -> str:
        """Repeat each pixel twice in both directions."""
        scales = self.constant(np.array([1, 1, 2, 2], np.float32))
        return self.add('Resize', x, '', scales, mode='nearest', nearest_mode='floor',
                        coordinate_transformation_mode='asymmetric')

    def take(self, x: str, index: Sequence[int], width: int) -> str:
        """Take entries of axis 1, of ``width``: they are split off as runs where none repeats."""
        found = runs(index)
        if found is None:
            return self.add('Gather', x, self.constant(list(index)), axis=1)
        bounds = sorted({0, *(bound for run in found for bound in run), width})
        parts = dict(zip(bounds, self.node(
            'Split', x, self.constant([b - a for a, b in pairwise(bounds)]), axis=1,
            outputs=len(bounds) - 1), strict=False))
        taken = [parts[begin] for begin, _ in found]
        return taken[0] if len(taken) == 1 else self.add('Concat', *taken, axis=1)

    def matmul(self, x: str, weight: Tensor) -> str:
        """Multiply by the weight (out, in) of a linear layer."""
        return self.add('MatMul', x, self.constant(weight.t(), 'weight'))

    def conv(self, x: str, weight: Tensor, bias: Tensor | None, stride: int = 1, padding: int = 0,
             groups: int = 1) -> str:
        """Convolve with square kernels."""
        inputs = [x, self.constant(weight, 'weight')]
        if bias is not None and bool(bias.any()):
            inputs.append(self.constant(bias, 'bias'))
        return self.add('Conv', *inputs, strides=[stride] * 2, pads=[padding] * 4, group=groups,
                        kernel_shape=list(weight.shape[2:]))

    def layer_norm(self, x: str, weight: Tensor, bias: Tensor, eps: float = 1e-5) -> str:
        """Normalise the last axis."""
        scale, shift = self.constant(weight, 'weight'), self.constant(bias, 'bias')
        if self.opset >= LAYER_NORM:
            return self.add('LayerNormalization', x, scale, shift, axis=-1, epsilon=eps)
        small = self.constant(torch.tensor([eps]))
        rest = self.add('Sub', x, self.add('ReduceMean', x, axes=[-1], keepdims=1))
        square = self.add('ReduceMean', self.add('Mul', rest, rest), axes=[-1], keepdims=1)
        deviation = self.add('Sqrt', self.add('Add', square, small))
        return self.add('Add', self.add('Mul', self.add('Div', rest, deviation), scale), shift)
