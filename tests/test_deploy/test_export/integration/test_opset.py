"""Models of opset 18 in older opsets: operators that these lack, checked by onnxruntime."""
import numpy as np
import pytest

onnx = pytest.importorskip('onnx')
onnxruntime = pytest.importorskip('onnxruntime')
from onnx import TensorProto, helper, numpy_helper

from mmst.deploy.export.onnx_graph.opset import to_opset

RANDOM = np.random.default_rng(0)


def model_of(nodes, inputs, kind=TensorProto.FLOAT, constants=None, rank=None):
    """A model of opset 18 whose output is ``y``, of as many dimensions as ``x`` or ``rank``."""
    rank = inputs['x'].ndim if rank is None else rank
    graph = helper.make_graph(
        nodes, 'graph', [helper.make_tensor_value_info(
            name, TensorProto.FLOAT, [None] * x.ndim) for name, x in inputs.items()],
        [helper.make_tensor_value_info('y', kind, [None] * rank)],
        [numpy_helper.from_array(value, name) for name, value in (constants or {}).items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid('', 18)], ir_version=8)


def run(model, inputs):
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(None, inputs)[0]


def same_in(opset, model, inputs):
    """Both models' outputs agree; returns the operators of the older one."""
    before = run(model, inputs)
    old = to_opset(model, opset)
    onnx.checker.check_model(old)
    assert {entry.version for entry in old.opset_import} == {opset}
    np.testing.assert_allclose(run(old, inputs), before, rtol=1e-5, atol=1e-6)
    assert np.size(before) and np.isfinite(before).all()
    return [node.op_type for node in old.graph.node]


@pytest.mark.parametrize('opset', [13, 16])
@pytest.mark.parametrize('shifted', [True, False])
@pytest.mark.parametrize('settings', [{}, dict(axis=-1, epsilon=.1)])
def test_layer_norms_are_written_by_their_parts(opset, shifted, settings):
    constants = dict(scale=RANDOM.normal(size=6).astype('f4'),
                     shift=RANDOM.normal(size=6).astype('f4'))
    node = helper.make_node('LayerNormalization', ['x', 'scale'] + ['shift'] * shifted, ['y'],
                            **settings)
    inputs = dict(x=RANDOM.normal(size=(2, 5, 6)).astype('f4'))
    operators = same_in(opset, model_of([node], inputs, constants=constants), inputs)
    assert 'LayerNormalization' not in operators and operators[-1] == ('Add' if shifted else 'Mul')


def test_a_layer_norm_stays_where_the_opset_has_it():
    inputs = dict(x=RANDOM.normal(size=(2, 6)).astype('f4'))
    node = helper.make_node('LayerNormalization', ['x', 'scale'], ['y'])
    assert same_in(17, model_of([node], inputs, constants=dict(scale=np.ones(6, 'f4'))),
                   inputs) == ['LayerNormalization']


def test_a_layer_norm_over_several_axes_is_refused_by_name():
    node = helper.make_node('LayerNormalization', ['x', 'scale'], ['y'], axis=-2)
    model = model_of([node], dict(x=np.ones((2, 5, 6), 'f4')),
                     constants=dict(scale=np.ones((5, 6), 'f4')))
    with pytest.raises(ValueError, match='LayerNormalization over several axes'):
        to_opset(model, 16)


@pytest.mark.parametrize('bounds', [dict(start=1), dict(start=-2), dict(end=-1),
                                    dict(start=1, end=3), dict(start=-3, end=-1), dict(end=9)])
def test_parts_of_a_shape_are_cut_out_of_the_whole(bounds):
    inputs = dict(x=np.ones((2, 3, 4, 5), 'f4'))
    node = helper.make_node('Shape', ['x'], ['y'], **bounds)
    model = model_of([node], inputs, TensorProto.INT64, rank=1)
    assert same_in(14, model, inputs) == ['Shape', 'Slice']


@pytest.mark.parametrize('opset, operators', [(14, ['Shape']), (15, ['Shape'])])
def test_a_whole_shape_stays_one_operator(opset, operators):
    inputs = dict(x=np.ones((2, 3), 'f4'))
    bounds = dict(start=1) if opset == 15 else {}
    model = model_of([helper.make_node('Shape', ['x'], ['y'], **bounds)], inputs,
                     TensorProto.INT64, rank=1)
    assert same_in(opset, model, inputs) == operators


def test_hard_swish_is_a_product_before_it_is_an_operator():
    inputs = dict(x=np.linspace(-5, 5, 41, dtype='f4'))
    node = helper.make_node('HardSwish', ['x'], ['y'])
    assert same_in(13, model_of([node], inputs), inputs) == ['HardSigmoid', 'Mul']
    assert same_in(14, model_of([node], inputs), inputs) == ['HardSwish']


@pytest.mark.parametrize('axes', [[1], [0, 2], None])
def test_axes_of_reductions_are_attributes_again(axes):
    inputs = dict(x=RANDOM.normal(size=(2, 3, 4)).astype('f4'))
    names = ['x'] if axes is None else ['x', 'axes']
    node = helper.make_node('ReduceMean', names, ['y'], keepdims=0)
    constants = {} if axes is None else dict(axes=np.array(axes))
    model = model_of([node], inputs, constants=constants, rank=3 - len(axes or range(3)))
    assert same_in(13, model, inputs) == ['ReduceMean']


def test_newer_opsets_are_written_by_onnx_itself():
    inputs = dict(x=RANDOM.normal(size=(2, 6)).astype('f4'))
    node = helper.make_node('LayerNormalization', ['x', 'scale'], ['y'])
    assert same_in(20, model_of([node], inputs, constants=dict(scale=np.ones(6, 'f4'))),
                   inputs) == ['LayerNormalization']
