"""ONNX files of our own writing: sizes, opsets, precisions, pixels, and few nodes."""
import argparse
import copy
import json

import numpy as np
import pytest
import torch
from deploy_tickets import ROOT, small_ticket
from mmengine.config import Config
from mmengine.registry import DefaultScope

from mmst.cli.export import check
from mmst.cli.main import main
from mmst.deploy.compact.lower import lower
from mmst.deploy.compact.network import CompactNetwork
from mmst.deploy.compact.rewrite import fixed_point
from mmst.deploy.export import Deployed
from mmst.deploy.export.images import sample_images
from mmst.deploy.export.onnx_file import check_onnx, export_onnx
from mmst.deploy.export.onnx_settings import OnnxSettings
from mmst.errors import ConfigError
from mmst.registry import MODELS

SIZE = (40, 48)
onnx, runtime = pytest.importorskip('onnx'), pytest.importorskip('onnxruntime')
pytest.importorskip('onnxscript')


@pytest.fixture(scope='module')
def ticket():
    torch.manual_seed(0)
    return small_ticket(sparsity=0.8)


@pytest.fixture(scope='module')
def network(ticket):
    return Deployed(ticket, SIZE)


def difference(path, network, shape):
    """Between a file and the network, relative to the largest output, for one batch."""
    image = torch.randn(shape)
    session = runtime.InferenceSession(str(path), providers=['CPUExecutionProvider'])
    found, expected = session.run(None, {'image': image.numpy()})[0], network(image).numpy()
    assert found.shape == expected.shape
    return float(np.abs(found - expected).max() / np.abs(expected).max())


@pytest.mark.by_turns(5)
@pytest.mark.parametrize('settings', [
    {}, dict(compact=True), dict(opset=13, compact=True), dict(opset=16), dict(opset=17),
    dict(opset=23, attention=True), dict(compact=True, sparse=True)], ids=str)
def test_one_file_takes_every_batch_height_and_width(tmp_path, network, settings):
    path = tmp_path / 'x.onnx'
    export_onnx(network, path, settings=OnnxSettings(**settings))
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=not settings.get('sparse'))
    assert [entry.version for entry in model.opset_import] == [settings.get('opset', 18)]
    for shape in ((2, 3, *SIZE), (1, 3, 33, 47), (3, 3, 64, 32)):
        assert difference(path, network, shape) < 1e-5


def test_the_newest_opset_of_onnx_can_be_written(tmp_path, network):
    newest = onnx.defs.onnx_opset_version()
    export_onnx(network, tmp_path / 'x.onnx', newest)
    assert onnx.load(tmp_path / 'x.onnx').opset_import[0].version == newest


def test_half_precision_agrees_to_a_hundredth_and_halves_the_file(tmp_path, ticket, network):
    for half in (False, True):
        export_onnx(network, tmp_path / f'{half}.onnx', settings=OnnxSettings(half=half))
    assert check_onnx(tmp_path / 'True.onnx', network, sample_images(ticket, SIZE), half=True) < .01
    single, half = (onnx.load(tmp_path / f'{name}.onnx') for name in (False, True))
    weights = [sum(len(t.raw_data) for t in m.graph.initializer if t.data_type in (1, 10))
               for m in (single, half)]
    assert weights[1] < 0.51 * weights[0]
    assert {v.type.tensor_type.elem_type for v in [*half.graph.input, *half.graph.output]} == {1}


def test_fixed_sizes_leave_no_arithmetic_of_shapes(tmp_path, network):
    export_onnx(network, tmp_path / 'x.onnx', settings=OnnxSettings(fixed=True))
    kinds = {node.op_type for node in onnx.load(tmp_path / 'x.onnx').graph.node}
    assert not kinds & {'Shape', 'Slice', 'Div'}
    assert difference(tmp_path / 'x.onnx', network, (3, 3, *SIZE)) < 1e-5


def test_zeros_are_left_out_of_weights(tmp_path, network):
    export_onnx(network, tmp_path / 'x.onnx', settings=OnnxSettings(sparse=True))
    graph = onnx.load(tmp_path / 'x.onnx').graph
    assert len(graph.sparse_initializer) > 10
    for tensor in graph.sparse_initializer:
        assert np.all(onnx.numpy_helper.to_array(tensor.values) != 0)


@pytest.mark.parametrize('task', ['cityscapes', 'imagenet'])
def test_constants_at_borders_need_no_maps_of_their_own(task):
    torch.manual_seed(1)
    model = small_ticket(task, 0.9, scope='global').build().double().eval()
    graph = fixed_point(lower(model.backbone, model.neck), borders=False)
    assert not any(node.op == 'ones' for node in graph)
    network = CompactNetwork.of(graph, False).double()
    for size in (SIZE, (33, 47)):
        image = torch.randn(2, 3, *size).double()
        with torch.no_grad():
            expected, found = model.neck(model.backbone(image))[0], network(image)[0]
        assert float((found - expected).abs().max() / expected.abs().max()) < 1e-12


def test_the_command_writes_preprocessing_into_graph_and_metadata(tmp_path, ticket, capsys):
    source, path = tmp_path / 'ticket.pth', tmp_path / 'x.onnx'
    ticket.save(source)
    main(['export', str(source), '--format', 'onnx', '--out', str(path), '--with-preprocessing',
          '--half'])
    model = onnx.load(path)
    found = {p.key: json.loads(p.value) for p in model.metadata_props}
    assert len(found['mean']) == len(found['std']) == 3 and found['input'].startswith('uint8')
    assert model.graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.UINT8
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, 56, 40), np.uint8)
    session = runtime.InferenceSession(str(path), providers=['CPUExecutionProvider'])
    with torch.no_grad():
        built = ticket.build().eval()
        expected = built(built.data_preprocessor(dict(inputs=list(torch.from_numpy(
            pixels))))['inputs'], None).numpy()
    output = session.run(None, {'image': pixels})[0]
    assert np.abs(output - expected).max() / np.abs(expected).max() < 1e-2


@pytest.mark.parametrize('opset', [None, 22])
def test_attention_needs_an_opset_that_has_it(opset):
    args = argparse.Namespace(format='onnx', opset=opset, attention=True, int8=False)
    with pytest.raises(ConfigError, match=r'--opset = .*Remedy: add --opset 23'):
        check(args)


@pytest.mark.parametrize('package', ['torch', 'fvcore.nn', 'ptflops'])
def test_other_tracers_take_ordinary_tickets(ticket, package):
    tool = pytest.importorskip(package)
    model, image = ticket.build().eval(), torch.randn(1, 3, *SIZE)
    if package == 'torch':
        with torch.no_grad():
            traced = tool.jit.trace(model, image)
            assert torch.allclose(traced(image), model(image), atol=1e-5)
    elif package == 'ptflops':
        macs, _ = tool.get_model_complexity_info(model, (3, *SIZE), as_strings=False,
                                                 print_per_layer_stat=False, verbose=False)
        assert macs > 0
    else:
        assert tool.FlopCountAnalysis(model, image).total() > 0


@pytest.mark.by_turns(3)
@pytest.mark.parametrize('transformer, most', [('all', 2850), ('none', 800)])
def test_the_whole_supernet_has_few_nodes(tmp_path, transformer, most):
    cfg = copy.deepcopy(Config.fromfile(ROOT / 'configs/st_hrnas_cityscapes_p90.py'))
    cfg.model.backbone.transformer = cfg.model.neck.transformer = transformer
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        model = MODELS.build(cfg.model).eval()
    from mmst.deploy.export.onnx_graph.model import make_model
    network = Deployed.__new__(Deployed)
    torch.nn.Module.__init__(network)
    network.model, network.input_shape = model, (64, 64)
    written = make_model(network, torch.zeros(2, 3, 64, 64), ['output'], OnnxSettings(17),
                         lambda step: None)
    assert len(written.graph.node) <= most


@pytest.mark.parametrize('settings', [dict(opset=17, compact=True), dict(opset=17)], ids=str)
def test_no_channels_are_gathered_and_below_opset_18_no_axes_are_resized(tmp_path, network,
                                                                        settings):
    """Which pnnx would read as something else."""
    export_onnx(network, tmp_path / 'x.onnx', settings=OnnxSettings(**settings))
    nodes = onnx.load(tmp_path / 'x.onnx').graph.node
    kinds = {node.op_type for node in nodes}
    assert 'Gather' not in kinds and {'Split', 'Resize'} <= kinds
    assert not any(a.name == 'axes' for node in nodes if node.op_type == 'Resize'
                   for a in node.attribute)
