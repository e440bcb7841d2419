"""Writes an ONNX model in half precision, with inputs and outputs in single precision."""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT, HALF = TensorProto.FLOAT, TensorProto.FLOAT16
LARGEST = float(np.finfo(np.float16).max)
#: Inputs of operators that must be in single precision.
SINGLE = {'Resize': (1, 2)}


def to_half(model: onnx.ModelProto) -> None:
    """Turn all weights, and the values computed of them, into half precision, in place."""
    graph = model.graph
    single = {name for node in graph.node for i, name in enumerate(node.input)
              if i in SINGLE.get(node.op_type, ())}
    for tensor in graph.initializer:
        if tensor.data_type == FLOAT and tensor.name not in single:
            tensor.CopyFrom(_half(tensor))
    for node in graph.node:
        if not single & set(node.output):
            _convert(node)
    del graph.value_info[:]
    first, last = [], []
    for value in graph.input:
        if value.type.tensor_type.elem_type == FLOAT:
            first.append(_cast(value.name, f'{value.name}/half', HALF))
            for node in graph.node:
                _replace(node.input, value.name, f'{value.name}/half')
    for value in graph.output:
        if value.type.tensor_type.elem_type == FLOAT:
            last.append(_cast(f'{value.name}/half', value.name, FLOAT))
            for node in graph.node:
                _replace(node.input, value.name, f'{value.name}/half')
                _replace(node.output, value.name, f'{value.name}/half')
    nodes = [*first, *graph.node, *last]
    del graph.node[:]
    graph.node.extend(nodes)


def _convert(node: onnx.NodeProto) -> None:
    for attribute in node.attribute:
        if node.op_type == 'Cast' and attribute.name == 'to' and attribute.i == FLOAT:
            attribute.i = HALF
        elif attribute.type == onnx.AttributeProto.TENSOR and attribute.t.data_type == FLOAT:
            attribute.t.CopyFrom(_half(attribute.t))
        elif node.op_type == 'Constant' and attribute.name in ('value_float', 'value_floats'):
            value = np.array(helper.get_attribute_value(attribute), np.float16)
            attribute.CopyFrom(helper.make_attribute('value', numpy_helper.from_array(value)))


def _half(tensor: TensorProto) -> TensorProto:
    value = numpy_helper.to_array(tensor).clip(-LARGEST, LARGEST)
    return numpy_helper.from_array(value.astype(np.float16), tensor.name)


def _cast(source: str, name: str, to: int) -> onnx.NodeProto:
    return helper.make_node('Cast', [source], [name], f'{name}/cast', to=to)


def _replace(names, old: str, new: str) -> None:
    for i, name in enumerate(names):
        if name == old:
            names[i] = new
