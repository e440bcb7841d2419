"""Puts the preprocessing of images into an ONNX model."""
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ..images import swaps_colours


def take_pixels(model: onnx.ModelProto, settings: Mapping[str, Any]) -> None:
    """Let the model take pixels as files have them, blue first: uint8 (N, channels, H, W).

    Args:
        model (onnx.ModelProto): Takes normalised images; changed in place.
        settings (Mapping): ``mean`` and ``std``, a number a channel, and whether the order of
            channels is changed before (``bgr_to_rgb``, ``rgb_to_bgr``, ``to_rgb``).
    """
    graph, image = model.graph, model.graph.input[0]
    dims = image.type.tensor_type.shape.dim
    channels = dims[1].dim_value
    name, normal = image.name, f'{image.name}/normal'
    for node in graph.node:
        for i, source in enumerate(node.input):
            # Its shape is that of the pixels.
            if source == name and node.op_type != 'Shape':
                node.input[i] = normal
    steps: list[tuple[str, list[str], dict[str, Any]]] = [
        ('Cast', [], dict(to=TensorProto.FLOAT))]
    if swaps_colours(settings, channels):
        steps.append(('Gather', [_constant(graph, f'{name}/order', np.arange(channels)[::-1])],
                      dict(axis=1)))
    for op, key, default in (('Sub', 'mean', 0.), ('Div', 'std', 1.)):
        values = np.array(settings.get(key) or [default] * channels,
                          np.float32).reshape(-1, 1, 1)
        steps.append((op, [_constant(graph, f'{name}/{key}', values)], {}))
    nodes, source = [], name
    for i, (op, more, attributes) in enumerate(steps):
        target = normal if i == len(steps) - 1 else f'{name}/{op}'
        nodes.append(helper.make_node(op, [source, *more], [target], target, **attributes))
        source = target
    image.type.tensor_type.elem_type = TensorProto.UINT8
    nodes += list(graph.node)
    del graph.node[:]
    graph.node.extend(nodes)


def _constant(graph: onnx.GraphProto, name: str, value: np.ndarray) -> str:
    graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
    return name
