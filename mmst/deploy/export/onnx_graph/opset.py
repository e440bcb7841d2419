"""Writes an ONNX model of opset 18 in another version of the operator set."""
from collections.abc import Iterable
from typing import Any

import numpy as np
import onnx
from onnx import AttributeProto, NodeProto, helper, numpy_helper, version_converter

#: The opset that torch's exporter writes by itself.
WRITTEN = 18
#: Operators whose ``axes`` became an input with opset 18.
REDUCTIONS = frozenset(('ReduceL1', 'ReduceL2', 'ReduceLogSum', 'ReduceLogSumExp', 'ReduceMax',
                        'ReduceMean', 'ReduceMin', 'ReduceProd', 'ReduceSumSquare'))
#: Attributes that former opsets do not have, the opset that has them first, and the values that
#: change nothing.
NEW_ATTRIBUTES = {
    ('Resize', 'antialias'): (18, (0, )), ('Resize', 'keep_aspect_ratio_policy'): (
        18, (b'stretch', )), ('Reshape', 'allowzero'): (14, (0, )),
    ('BatchNormalization', 'training_mode'): (14, (0, )), ('Split', 'num_outputs'): (18, None)}


def to_opset(model: onnx.ModelProto, opset: int) -> onnx.ModelProto:
    """Return the model in another opset.

    Raises:
        Exception: An operator of it cannot be expressed; the message names it.
    """
    if opset > WRITTEN:
        return version_converter.convert_version(model, opset)
    if opset < WRITTEN:
        constants = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
        constants.update((node.output[0], numpy_helper.to_array(node.attribute[0].t))
                         for node in model.graph.node
                         if node.op_type == 'Constant' and node.attribute[0].name == 'value')
        new = [made for node in model.graph.node for made in _lower(
            node, opset, constants, model)]
        del model.graph.node[:]
        model.graph.node.extend(new)
        for entry in model.opset_import:
            if not entry.domain:
                entry.version = opset
    return model


def _lower(node: NodeProto, opset: int, constants: dict[str, np.ndarray],
             model: onnx.ModelProto) -> Iterable[NodeProto]:
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    for (op, name), (first, harmless) in NEW_ATTRIBUTES.items():
        if node.op_type == op and name in attributes and opset < first and (
                harmless is None or attributes[name] in harmless):
            _drop(node, name)
    if node.op_type in REDUCTIONS and len(node.input) > 1 and opset < 18:
        axes = constants[node.input[1]].tolist() if node.input[1] else []
        del node.input[1]
        _drop(node, 'noop_with_empty_axes')
        if axes:
            node.attribute.append(helper.make_attribute('axes', axes))
    elif node.op_type == 'Shape' and opset < 15 and attributes:
        return _shape(node, attributes, model)
    elif node.op_type == 'LayerNormalization' and opset < 17:
        return _layer_norm(node, attributes, model)
    elif node.op_type == 'HardSwish' and opset < 14:
        gate = f'{node.output[0]}/gate'
        return [helper.make_node('HardSigmoid', list(node.input), [gate], alpha=1 / 6, beta=.5),
                helper.make_node('Mul', [node.input[0], gate], list(node.output))]
    return [node]


def _shape(node: NodeProto, attributes: dict, model: onnx.ModelProto) -> list[NodeProto]:
    """Cut the wanted numbers out of the whole shape."""
    whole, bounds = f'{node.output[0]}/whole', []
    for name, value in (('start', attributes.get('start', 0)),
                        ('end', attributes.get('end', np.iinfo(np.int64).max)), ('axis', 0)):
        bounds.append(_constant(model, f'{node.output[0]}/{name}', np.array([value], np.int64)))
    return [helper.make_node('Shape', list(node.input), [whole]),
            helper.make_node('Slice', [whole, *bounds], list(node.output))]


def _layer_norm(node: NodeProto, attributes: dict, model: onnx.ModelProto) -> list[NodeProto]:
    if attributes.get('axis', -1) != -1:
        raise ValueError('LayerNormalization over several axes is no operator below opset 17')
    out = node.output[0]
    small = _constant(model, f'{out}/eps', np.array([attributes.get('epsilon', 1e-5)], np.float32))
    x, scale, *shift = node.input
    last = f'{out}/scaled' if shift else out
    steps = [('ReduceMean', [x], 'mean'), ('Sub', [x, f'{out}/mean'], 'rest'),
             ('Mul', [f'{out}/rest'] * 2, 'square'), ('ReduceMean', [f'{out}/square'], 'variance'),
             ('Add', [f'{out}/variance', small], 'more'), ('Sqrt', [f'{out}/more'], 'deviation'),
             ('Div', [f'{out}/rest', f'{out}/deviation'], 'normal')]
    last_axis: dict[str, Any] = dict(axes=[-1], keepdims=1)
    nodes = [helper.make_node(op, inputs, [f'{out}/{name}'],
                              **(last_axis if op == 'ReduceMean' else {}))
             for op, inputs, name in steps]
    nodes.append(helper.make_node('Mul', [f'{out}/normal', scale], [last]))
    if shift:
        nodes.append(helper.make_node('Add', [last, shift[0]], [out]))
    return nodes


def _constant(model: onnx.ModelProto, name: str, value: np.ndarray) -> str:
    model.graph.initializer.append(numpy_helper.from_array(value, name))
    return name


def _drop(node: NodeProto, name: str) -> None:
    kept: list[AttributeProto] = [a for a in node.attribute if a.name != name]
    del node.attribute[:]
    node.attribute.extend(kept)
