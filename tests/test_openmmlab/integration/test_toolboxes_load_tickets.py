"""The toolboxes' own functions and test script take a ticket of a network that knows no search."""
import runpy
import sys
from pathlib import Path

import mmpretrain
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope

from mmst.cli.main import main
from mmst.lab.scenes import generate
from mmst.pruning.mask import Mask
from mmst.search.graph.build import find_plan
from mmst.search.graph.channels import attach
from mmst.search.graph.verify import half
from mmst.search.surgery import Cut
from mmst.search.units import find_units
from mmst.tickets import Ticket

SIZE = (32, 32)
_RESNET = dict(type='ResNet', depth=18, out_indices=(3, ), init_cfg=None)
NETWORKS = dict(
    mmpretrain=dict(
        type='ImageClassifier', backbone=dict(_RESNET, stem_channels=8, base_channels=8),
        neck=dict(type='GlobalAveragePooling'),
        head=dict(type='LinearClsHead', num_classes=10, in_channels=64, topk=(1, ))),
    mmseg=dict(
        type='EncoderDecoder', data_preprocessor=dict(type='SegDataPreProcessor'),
        backbone=dict(_RESNET, stem_channels=8, base_channels=8),
        decode_head=dict(type='FCNHead', in_channels=64, channels=8, num_convs=1, num_classes=19,
                         norm_cfg=dict(type='BN'), in_index=0),
        test_cfg=dict(mode='whole')),
    mmpose=dict(
        type='TopdownPoseEstimator', data_preprocessor=dict(type='PoseDataPreprocessor'),
        backbone=dict(_RESNET, base_channels=8),
        head=dict(type='HeatmapHead', in_channels=64, out_channels=17,
                  deconv_out_channels=(8, ), deconv_kernel_sizes=(4, ),
                  loss=dict(type='KeypointMSELoss'))))


def register(toolbox):
    __import__(f'{toolbox}.utils').utils.register_all_modules(False)


@torch.no_grad()
def ticket_of(toolbox, folder):
    """A ticket whose search has taken half of the units of every group, and its network."""
    register(toolbox)
    with DefaultScope.overwrite_default_scope(toolbox):
        model = MODELS.build(Config(dict(model=NETWORKS[toolbox])).model).eval()
        attach(model, find_plan(model, SIZE))
        for group in find_units(model).values():
            group.keep(half(len(group)), Cut())
        Ticket.from_model(model, NETWORKS[toolbox], Mask({}), dict(
            input_shape=SIZE, default_scope=toolbox,
            dataset_meta=dict(classes=list(map(str, range(19)))))).save(folder / 'ticket.pth')
    return model


def init_model(toolbox, cfg, path):
    if toolbox == 'mmpretrain':
        from mmpretrain.apis import get_model
        return get_model(cfg, pretrained=path, device='cpu')
    module = __import__(f'{toolbox}.apis').apis
    return module.init_model(cfg, path, device='cpu')


@pytest.mark.parametrize('toolbox', NETWORKS)
def test_init_model_gives_the_network_of_the_ticket(toolbox, tmp_path):
    network = ticket_of(toolbox, tmp_path)
    cfg = Config(dict(model=NETWORKS[toolbox], default_scope=toolbox, test_dataloader=dict(
        dataset=dict(type='CocoDataset' if toolbox == 'mmpose' else 'CityscapesDataset'))))
    model = init_model(toolbox, cfg, str(tmp_path / 'ticket.pth')).eval()
    image = torch.randn(1, 3, *SIZE)
    with torch.no_grad():
        found, expected = model(image, None), network(image, None)
    assert torch.equal(found, expected)


def test_test_script_of_the_toolbox_and_ours_agree(tmp_path, monkeypatch, capsys):
    ticket_of('mmpretrain', tmp_path)
    data = generate('imagenet', tmp_path / 'data', (32, 32), 2, 20).path
    dataset = dict(type='ImageNet', data_root=str(data), split='val',
                   metainfo=dict(classes=list(map(str, range(10)))),
                   pipeline=[dict(type='LoadImageFromFile'), dict(type='PackInputs')])
    config = tmp_path / 'config.py'
    Config(dict(
        default_scope='mmpretrain', model=NETWORKS['mmpretrain'], test_cfg={}, log_level='ERROR',
        custom_imports=dict(imports=['mmst'], allow_failed_imports=False),
        test_dataloader=dict(batch_size=10, num_workers=0, dataset=dataset,
                             sampler=dict(type='DefaultSampler', shuffle=False)),
        test_evaluator=dict(type='Accuracy', topk=(1, )), work_dir=str(tmp_path / 'work'),
        default_hooks=dict(logger=dict(type='LoggerHook')))).dump(config)
    ticket = str(tmp_path / 'ticket.pth')
    assert main(['test', str(config), ticket, '--out', str(tmp_path / 'ours.json')]) == 0
    script = Path(mmpretrain.__file__).parent / '.mim/tools/test.py'
    theirs = tmp_path / 'theirs.pkl'
    monkeypatch.setattr(sys, 'argv', ['test.py', str(config), ticket, '--out', str(theirs),
                                      '--out-item', 'metrics'])
    runpy.run_path(str(script), run_name='__main__')
    from mmengine.fileio import load
    assert load(theirs) == pytest.approx(
        {key: value for key, value in load(tmp_path / 'ours.json').items() if 'accuracy' in key})
