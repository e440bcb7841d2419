"""ONNX and torch.export: the same outputs, any batch, and one error each where it cannot be."""
import copy
import json
import sys

import pytest
import torch
from deploy_tickets import TASKS, small_ticket
from torch import nn
from torch.utils._pytree import tree_map

from mmst.cli.main import main
from mmst.deploy.compact import compact, is_compact
from mmst.deploy.compact.token_mixer import TokenMixer
from mmst.deploy.export import Deployed
from mmst.deploy.export.deployed import ExportOps, preprocessing, smallest
from mmst.deploy.export.images import sample_images
from mmst.deploy.export.onnx_file import check_onnx, export_onnx, plain_words
from mmst.deploy.export.outputs import named_outputs
from mmst.deploy.export.program import check_program, export_program
from mmst.errors import ConfigError, DataError, TicketError
from mmst.models.hrnas.ops import use_ops

SIZE = (40, 48)


@pytest.fixture(scope='module')
def ticket():
    return small_ticket(sparsity=0.8)


@pytest.mark.by_turns(4)
@pytest.mark.parametrize('task', TASKS)
def test_onnx_files_agree_with_pytorch_for_any_batch(tmp_path, task):
    onnx, runtime = pytest.importorskip('onnx'), pytest.importorskip('onnxruntime')
    ticket = smallest(small_ticket(task, 0.8))
    assert is_compact(ticket)
    network, path = Deployed(ticket, SIZE), tmp_path / 'x.onnx'
    export_onnx(network, path, 18, dict(preprocessing(ticket), classes=['a']))
    assert check_onnx(path, network, sample_images(ticket, SIZE)) < 1e-4
    assert [p.name for p in tmp_path.iterdir()] == ['x.onnx']
    assert not {'GatherND', 'ScatterND', 'NonZero'
                } & {n.op_type
                     for n in onnx.load(path).graph.node}
    found = {p.key: json.loads(p.value) for p in onnx.load(path).metadata_props}
    assert len(found['mean']) == 3 and found['classes'] == ['a']
    session = runtime.InferenceSession(str(path), providers=['CPUExecutionProvider'])
    assert session.run(None, {'image': torch.zeros(5, 3, *SIZE).numpy()})[0].shape[0] == 5


def test_networks_can_be_exported_as_they_are(tmp_path, ticket):
    pytest.importorskip('onnxruntime')
    network = Deployed(ticket, SIZE)
    export_onnx(network, tmp_path / 'x.onnx')
    assert check_onnx(tmp_path / 'x.onnx', network, sample_images(ticket, SIZE)) < 1e-4


@pytest.fixture(scope='module')
def exported(ticket, tmp_path_factory):
    """A network and the file of its program."""
    network, path = Deployed(smallest(ticket), SIZE), tmp_path_factory.mktemp('program') / 'x.pt2'
    export_program(network, path)
    return network, path


def test_programs_agree_with_pytorch_for_any_batch(exported, ticket):
    network, path = exported
    assert check_program(path, network, sample_images(ticket, SIZE)) < 1e-4
    program = torch.export.load(path).module()
    image = torch.randn(3, 3, *SIZE)
    assert torch.allclose(program(image), network(image), atol=1e-4)


def test_what_is_exported_is_what_the_model_gives(ticket):
    image = torch.randn(2, 3, *SIZE)
    model = ticket.build()
    with torch.no_grad():
        expected, found = model(image), Deployed(smallest(ticket), SIZE)(image)
    assert float((found - expected).abs().max() / expected.abs().max()) < 1e-4


def test_files_that_differ_are_refused(exported):
    network, path = copy.deepcopy(exported[0]), exported[1]
    network.model.decode_head.conv_seg.bias.data += 1
    with pytest.raises(TicketError, match=r'differs from PyTorch by .*Remedy: '):
        check_program(path, network, torch.randn(2, 3, *SIZE))


@pytest.mark.parametrize('opset', [1, 11, 99])
def test_opsets_that_cannot_be_written_are_refused(tmp_path, opset):
    pytest.importorskip('onnxscript')
    with pytest.raises(ConfigError, match=f'--opset = {opset}: cannot be written. Remedy: '):
        export_onnx(nn.Identity(), tmp_path / 'x.onnx', opset)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('missing', ['onnx', 'onnxscript'])
def test_a_missing_package_is_named_with_the_command(tmp_path, monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ConfigError, match=f'needs {missing}, .*: pip install onnx onnxscript'):
        export_onnx(nn.Identity(), tmp_path / 'x.onnx')


def test_a_missing_runtime_is_named_with_the_command(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'onnxruntime', None)
    with pytest.raises(ConfigError, match=r'needs onnxruntime, .*Remedy: pip install onnxruntime'):
        check_onnx(tmp_path / 'x.onnx', nn.Identity(), torch.zeros(1))


class Mixing(nn.Module):
    """Of three tokens two are encoded and one is decoded."""
    input_shape = (8, 8)

    def __init__(self):
        super().__init__()
        shapes = {f'{layer}.{name}.weight': (4, 64) for layer in ('encoder', 'decoder')
                  for name in ('attention.query', 'attention.value')}
        norms = {f'{layer}.norm1.weight': (64, ) for layer in ('encoder', 'decoder')}
        self.mixer = TokenMixer({**shapes, **norms}, [0, 2], [1], 0.1).eval()
        use_ops(self, ExportOps())
        self.mixer.queries = nn.Parameter(torch.randn(1, 64))

    def forward(self, image):
        return self.mixer(image)


def test_chosen_tokens_are_sliced_and_not_gathered(tmp_path):
    """Some converters that read ONNX files drop a GatherND without a word, and pnnx reads a Gather
    of several entries as one of the first."""
    onnx = pytest.importorskip('onnx')
    pytest.importorskip('onnxruntime')
    network, path = Mixing(), tmp_path / 'x.onnx'
    export_onnx(network, path)
    assert check_onnx(path, network, torch.randn(2, 3, 8, 8)) < 1e-4
    kinds = {node.op_type for node in onnx.load(path).graph.node}
    assert 'Slice' in kinds and not kinds & {'Gather', 'GatherND'}


class Head(nn.Module):
    """Named like a detector's: scores and boxes of two levels."""

    def forward(self, x):
        return [x[:, :1], x[:, 1:2, ::2]], [x, x[..., ::2]]


AnchorHead = type('AnchorHead', (Head, ), {})
NAMES = ['cls_0', 'cls_1', 'bbox_0', 'bbox_1']


def several(ticket):
    network = Deployed(ticket, SIZE)
    network.model.bbox_head, before = AnchorHead(), network.model.forward
    network.model.forward = lambda image, samples: network.model.bbox_head(before(image, samples))
    return network


def test_several_outputs_are_named_and_each_is_checked(tmp_path, ticket):
    onnx = pytest.importorskip('onnx')
    pytest.importorskip('onnxruntime')
    network, path = several(ticket), tmp_path / 'x.onnx'
    export_onnx(network, path)
    assert [output.name for output in onnx.load(path).graph.output] == NAMES
    images = sample_images(ticket, SIZE)
    assert check_onnx(path, network, images) < 1e-4
    # The last one alone is wrong.
    head, true = network.model.bbox_head, network.model.bbox_head.forward
    head.forward = lambda x: (true(x)[0], [x, x[..., ::2] * 1.01])
    with pytest.raises(TicketError, match='differs from PyTorch'):
        check_onnx(path, network, images)


@pytest.mark.by_turns(3)
def test_program_gives_several_outputs(tmp_path, ticket):
    network = several(ticket)
    export_program(network, tmp_path / 'x.pt2')
    assert check_program(tmp_path / 'x.pt2', network, sample_images(ticket, SIZE)) < 1e-4


@pytest.mark.parametrize('outputs, names', [
    ((1, ), ['output']), (([1], ), ['output']), ((1, 1), ['output_0', 'output_1']),
    (dict(a=1, b=[1, 1]), ['a', 'b_0', 'b_1']), ((1, [1, 1]), ['output_0', 'output_1_0',
                                                              'output_1_1'])])
def test_outputs_of_unknown_heads_are_named_by_keys_and_places(outputs, names):
    found = tree_map(lambda _: torch.zeros(1), outputs)
    assert list(named_outputs(nn.Identity(), found)) == names


@pytest.mark.parametrize('export', [export_onnx, export_program])
def test_networks_without_output_or_for_other_images_are_refused(tmp_path, ticket, export):
    pytest.importorskip('onnxscript')
    network = Deployed(ticket, SIZE)
    network.model.forward = lambda image, samples: None
    with pytest.raises(TicketError, match='no output that is a tensor'):
        export(network, tmp_path / 'x')
    network.model.forward = lambda image, samples: image.view(3)
    with pytest.raises(TicketError, match=r'cannot run on an image of \(3, 40, 48\): .*--shape'):
        export(network, tmp_path / 'x')
    assert not list(tmp_path.iterdir())


def test_colours_of_an_error_are_left_out():
    assert plain_words(RuntimeError('\x1b[31mred\x1b[0m\n\n  and plain')) == 'red and plain'


class Unexportable(nn.Module):
    """Its way depends on the image."""
    input_shape = (8, 8)

    def forward(self, image):
        return image + 1 if float(image.sum()) > 0 else image


@pytest.mark.parametrize('export, word', [(export_onnx, 'ONNX'), (export_program, 'traced')])
def test_networks_that_cannot_be_exported_are_refused(tmp_path, export, word):
    pytest.importorskip('onnxscript')
    with pytest.raises(TicketError, match=f'cannot be .*{word}.* at \\(8, 8\\): .*Remedy: '):
        export(Unexportable(), tmp_path / 'x')
    assert not list(tmp_path.iterdir())


def test_images_of_a_folder_are_resized_and_normalised(tmp_path, ticket):
    import cv2
    import numpy as np
    cv2.imwrite(str(tmp_path / 'a.png'), np.full((30, 50, 3), (10, 20, 30), np.uint8))
    images = sample_images(ticket, SIZE, str(tmp_path))
    settings = preprocessing(ticket)
    expected = [(v - m) / s
                for v, m, s in zip((30, 20, 10), settings['mean'], settings['std'], strict=True)]
    assert images.shape == (2, 3, *SIZE)
    assert torch.allclose(images.mean((0, 2, 3)), torch.tensor(expected), atol=1e-4)


def test_folders_without_images_are_refused(tmp_path, ticket):
    with pytest.raises(DataError, match=r'--images = .*no images there. Remedy: '):
        sample_images(ticket, SIZE, str(tmp_path))


def test_without_a_folder_the_images_are_noise_the_same_each_time(ticket):
    images = sample_images(ticket, SIZE)
    assert images.shape == (2, 3, *SIZE) and torch.equal(images, sample_images(ticket, SIZE))
    assert len(images.unique()) > 500 and not torch.equal(images[0], images[1])


def of_channels(count, **settings):
    settings = dict(dict(mean=[100.] * count, std=[50.] * count), **settings)
    return small_ticket(sparsity=0.8, in_channels=count,
                        change=lambda model: model.data_preprocessor.update(settings))


@pytest.mark.by_turns(5)
@pytest.mark.parametrize('channels, form, settings', [
    (2, 'onnx', []), (2, 'onnx', ['--half']), (2, 'onnx', ['--with-preprocessing']),
    (2, 'torch', []), (1, 'onnx', ['--with-preprocessing'])])
@pytest.mark.parametrize('compacted', [False, True])
def test_networks_of_other_channels_than_three_are_exported(tmp_path, capsys, channels, form,
                                                            settings, compacted):
    pytest.importorskip('onnxruntime')
    ticket = of_channels(channels)
    (compact(ticket) if compacted else ticket).save(tmp_path / 'a.pth')
    out = tmp_path / 'out'
    assert main(['export', str(tmp_path / 'a.pth'), '--format', form, '-o', str(out),
                 *settings]) == 0
    assert 'differs from PyTorch by' in capsys.readouterr().out and out.stat().st_size


@pytest.mark.parametrize('form', ['onnx', 'torch'])
def test_numbers_that_normalise_other_channels_are_named(tmp_path, capsys, form):
    of_channels(2, mean=[1., 2., 3.], std=[1., 1., 1.]).save(tmp_path / 'a.pth')
    out = tmp_path / 'out'
    assert main(['export', str(tmp_path / 'a.pth'), '--format', form, '-o', str(out)]) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert 'data_preprocessor.mean has 3 numbers, and the network takes 2 channels' in said
    assert not out.exists()


def test_images_of_a_folder_are_grey_for_one_channel_and_refused_for_others(tmp_path):
    import cv2
    import numpy as np
    cv2.imwrite(str(tmp_path / 'a.png'), np.full((30, 50), 120, np.uint8))
    images = sample_images(of_channels(1), SIZE, str(tmp_path), channels=1)
    assert images.shape == (2, 1, *SIZE) and torch.allclose(images, torch.tensor(0.4))
    with pytest.raises(DataError, match=r'takes 2 channels\. Remedy: omit --images'):
        sample_images(of_channels(2), SIZE, str(tmp_path), channels=2)


@pytest.mark.by_turns(5)
def test_a_file_that_differs_has_a_remedy_that_fits(tmp_path, ticket):
    pytest.importorskip('onnxruntime')
    network, other = (Deployed(ticket, SIZE) for _ in range(2))
    for parameter in other.model.decode_head.parameters():
        parameter.data.mul_(2)
    export_onnx(network, tmp_path / 'x.onnx')
    export_program(network, tmp_path / 'x.pt2')
    images = sample_images(ticket, SIZE)
    for half, remedy in ((False, 'try another opset'), (True, 'export it without --half')):
        with pytest.raises(TicketError, match=f'; {remedy}'):
            check_onnx(tmp_path / 'x.onnx', other, images, half=half)
    with pytest.raises(TicketError, match='; export it as another format'):
        check_program(tmp_path / 'x.pt2', other, images)
