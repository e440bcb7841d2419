"""Costs of the toolboxes' own networks against torch's counter."""
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope
from torch.utils.flop_counter import FlopCounterMode

import mmst  # noqa: F401  (first: it prepares OpenMMLab's packages)
from mmst.costs.cost import layer_costs, total

#: Toolbox, config of its wheel, height and width.
NETWORKS = [
    ('mmpretrain', 'resnet/resnet18_8xb32_in1k', (64, 64)),
    ('mmpretrain', 'resnext/resnext50-32x4d_8xb32_in1k', (64, 64)),
    ('mmpretrain', 'mobilenet_v2/mobilenet-v2_8xb32_in1k', (64, 64)),
    ('mmpretrain', 'mobilenet_v3/mobilenet-v3-small_8xb128_in1k', (64, 64)),
    ('mmpretrain', 'efficientnet/efficientnet-b0_8xb32_in1k', (64, 64)),
    ('mmpretrain', 'repvgg/repvgg-A0_8xb32_in1k', (64, 64)),
    ('mmpretrain', 'shufflenet_v2/shufflenet-v2-1x_16xb64_in1k', (64, 64)),
    ('mmpretrain', 'convnext/convnext-tiny_32xb128_in1k', (64, 64)),
    ('mmpretrain', 'deit/deit-tiny_4xb256_in1k', (224, 224)),
    ('mmpretrain', 'swin_transformer/swin-tiny_16xb64_in1k', (224, 224)),
    ('mmpretrain', 'mlp_mixer/mlp-mixer-base-p16_64xb64_in1k', (224, 224)),
    ('mmpretrain', 'poolformer/poolformer-s12_32xb128_in1k', (64, 64)),
    ('mmseg', 'hrnet/fcn_hr18s_4xb2-40k_cityscapes-512x1024', (64, 64)),
    ('mmseg', 'segformer/segformer_mit-b0_8xb1-160k_cityscapes-1024x1024', (64, 96)),
    ('mmseg', 'pidnet/pidnet-s_2xb6-120k_1024x1024-cityscapes', (64, 64)),
    ('mmseg', 'bisenetv2/bisenetv2_fcn_4xb4-160k_cityscapes-1024x1024', (64, 64)),
    ('mmseg', 'stdc/stdc1_4xb12-80k_cityscapes-512x1024', (64, 64)),
    ('mmseg', 'unet/unet-s5-d16_fcn_4xb4-160k_cityscapes-512x1024', (64, 64)),
    ('mmseg', 'deeplabv3plus/deeplabv3plus_r18-d8_4xb2-80k_cityscapes-512x1024', (64, 64)),
    ('mmseg', 'fastscnn/fast_scnn_8xb4-160k_cityscapes-512x1024', (64, 64)),
    ('mmpose', 'body_2d_keypoint/topdown_heatmap/coco/td-hm_mobilenetv2_8xb64-210e_coco-256x192',
     (64, 64)),
    ('mmpose', 'body_2d_keypoint/topdown_heatmap/coco/td-hm_litehrnet-18_8xb64-210e_coco-256x192',
     (64, 64)),
    ('mmpose', 'body_2d_keypoint/topdown_heatmap/coco/td-hm_vipnas-mbv3_8xb64-210e_coco-256x192',
     (64, 64)),
    ('mmpose', 'body_2d_keypoint/rtmpose/coco/rtmpose-t_8xb256-420e_coco-256x192', (256, 192)),
    ('mmdet', 'retinanet/retinanet_r18_fpn_1x_coco', (64, 64)),
    ('mmdet', 'yolox/yolox_tiny_8xb8-300e_coco', (64, 64)),
    ('mmdet', 'rtmdet/rtmdet_tiny_8xb32-300e_coco', (64, 64)),
]


def build(toolbox, name):
    package = pytest.importorskip(toolbox)
    pytest.importorskip(f'{toolbox}.models')
    path = Path(package.__file__).parent / '.mim' / 'configs' / f'{name}.py'
    if not path.is_file():
        pytest.skip(f'this {toolbox} has no {name}')
    cfg = without_weights(Config.fromfile(path).model.to_dict())
    with DefaultScope.overwrite_default_scope(toolbox):
        return MODELS.build(cfg)


def without_weights(cfg):
    """The config of a model without files to start from."""
    if isinstance(cfg, dict):
        return {key: None if key == 'pretrained' else without_weights(value)
                for key, value in cfg.items() if key != 'init_cfg'}
    return [without_weights(item) for item in cfg] if isinstance(cfg, list) else cfg


def torch_macs(model, image):
    """Half of what torch counts as the network computes on a CPU.

    With gradients: without them torch's own attention takes a path that its counter does not see.
    """
    attention = pytest.importorskip('torch.nn.attention', reason='torch 2.3 has it')
    model.eval()
    counter = FlopCounterMode(display=False)
    with attention.sdpa_kernel(attention.SDPBackend.MATH), counter:
        model(image, None)
    return counter.get_total_flops() / 2


@pytest.mark.parametrize('toolbox, name, size', NETWORKS, ids=lambda v: v.rpartition('/')[2]
                         if isinstance(v, str) else '')
def test_macs_are_half_of_the_flops_that_torch_counts(toolbox, name, size):
    model = build(toolbox, name)
    costs = total(layer_costs(model, size))
    assert costs['params'] == sum(p.numel() for p in model.parameters())
    assert costs['macs'] == torch_macs(model, torch.zeros(1, 3, *size)) > 0
