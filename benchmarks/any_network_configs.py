"""Lists official configs of OpenMMLab's toolboxes, as their wheels have them: 55, all families."""
import re
from pathlib import Path

#: Toolbox to height and width of the images.
SHAPES = dict(mmpretrain=(224, 224), mmseg=(512, 1024), mmpose=(256, 192), mmdet=(640, 640))
#: Of the configs of mmpose that estimate heat maps.
POSE = 'body_2d_keypoint/topdown_heatmap/coco/td-hm'
#: Toolbox to paths below its ``.mim/configs``, without ``.py``.
CONFIGS = dict(
    mmpretrain=[
        'resnet/resnet18_8xb32_in1k', 'resnet/resnet50_8xb32_in1k',
        'resnext/resnext50-32x4d_8xb32_in1k', 'seresnet/seresnet50_8xb32_in1k',
        'hrnet/hrnet-w18_4xb32_in1k', 'mobilenet_v2/mobilenet-v2_8xb32_in1k',
        'mobilenet_v3/mobilenet-v3-small-050_8xb128_in1k',
        'mobilenet_v3/mobilenet-v3-large_8xb128_in1k', 'efficientnet/efficientnet-b0_8xb32_in1k',
        'repvgg/repvgg-A0_8xb32_in1k', 'mobileone/mobileone-s0_8xb32_in1k',
        'shufflenet_v2/shufflenet-v2-1x_16xb64_in1k', 'convnext/convnext-tiny_32xb128_in1k',
        'deit/deit-tiny_4xb256_in1k', 'vision_transformer/vit-base-p32_64xb64_in1k',
        'swin_transformer/swin-tiny_16xb64_in1k', 'regnet/regnetx-1.6gf_8xb128_in1k',
        'res2net/res2net50-w14-s8_8xb32_in1k', 'densenet/densenet121_4xb256_in1k',
        'vgg/vgg11bn_8xb32_in1k', 'cspnet/cspdarknet50_8xb32_in1k',
        'resnest/resnest50_32xb64_in1k', 'inception_v3/inception-v3_8xb32_in1k'],
    mmseg=[
        'fcn/fcn_r18-d8_4xb2-80k_cityscapes-512x1024',
        'deeplabv3plus/deeplabv3plus_r18-d8_4xb2-80k_cityscapes-512x1024',
        'pspnet/pspnet_r18-d8_4xb2-80k_cityscapes-512x1024',
        'hrnet/fcn_hr18s_4xb2-40k_cityscapes-512x1024',
        'ocrnet/ocrnet_hr18s_4xb2-40k_cityscapes-512x1024',
        'segformer/segformer_mit-b0_8xb1-160k_cityscapes-1024x1024',
        'pidnet/pidnet-s_2xb6-120k_1024x1024-cityscapes',
        'ddrnet/ddrnet_23-slim_in1k-pre_2xb6-120k_cityscapes-1024x1024',
        'bisenetv2/bisenetv2_fcn_4xb4-160k_cityscapes-1024x1024',
        'stdc/stdc1_4xb12-80k_cityscapes-512x1024', 'unet/unet-s5-d16_fcn_4xb4-40k_drive-64x64',
        'mobilenet_v3/mobilenet-v3-d8-s_lraspp_4xb4-320k_cityscapes-512x1024',
        'mobilenet_v2/mobilenet-v2-d8_fcn_4xb2-80k_cityscapes-512x1024',
        'icnet/icnet_r18-d8_4xb2-80k_cityscapes-832x832',
        'erfnet/erfnet_fcn_4xb4-160k_cityscapes-512x1024',
        'cgnet/cgnet_fcn_4xb8-60k_cityscapes-512x1024',
        'fastscnn/fast_scnn_8xb4-160k_cityscapes-512x1024'],
    mmpose=[
        f'{POSE}_res50_8xb64-210e_coco-256x192', f'{POSE}_hrnet-w32_8xb64-210e_coco-256x192',
        f'{POSE}_litehrnet-18_8xb64-210e_coco-256x192',
        f'{POSE}_mobilenetv2_8xb64-210e_coco-256x192',
        f'{POSE}_shufflenetv2_8xb64-210e_coco-256x192',
        f'{POSE}_vipnas-mbv3_8xb64-210e_coco-256x192',
        f'{POSE}_hourglass52_8xb32-210e_coco-256x256',
        'body_2d_keypoint/rtmpose/coco/rtmpose-t_8xb256-420e_coco-256x192',
        'body_2d_keypoint/simcc/coco/simcc_res50_8xb64-210e_coco-256x192'],
    mmdet=[
        'retinanet/retinanet_r18_fpn_1x_coco', 'yolox/yolox_tiny_8xb8-300e_coco',
        'rtmdet/rtmdet_tiny_8xb32-300e_coco', 'ssd/ssdlite_mobilenetv2-scratch_8xb24-600e_coco',
        'fcos/fcos_r50-caffe_fpn_gn-head_1x_coco', 'yolo/yolov3_mobilenetv2_8xb24-320-300e_coco'])


def config_path(package: Path, path: str) -> Path:
    """Return the file of a config in the folder of its toolbox's package."""
    return package / '.mim' / 'configs' / f'{path}.py'


def input_shape(toolbox: str, path: str) -> tuple[int, int]:
    """Return height and width of a config's images: those of its name, or its toolbox's."""
    named = re.search(r'_coco-(\d+)x(\d+)$', path)
    return (int(named[1]), int(named[2])) if named else SHAPES[toolbox]


#: Name of a config of which fewer than 90% of the BN channels are units, and why.
EXCEPTIONS = {
    'shufflenet-v2-1x_16xb64_in1k': 'shuffles join channels until they can only go all together',
    'td-hm_shufflenetv2_8xb64-210e_coco-256x192': 'shuffles join channels until they can only go '
                                                  'all together',
    'resnest50_32xb64_in1k': 'split attention joins the channels of a block, which can only go all '
                             'together',
    'pidnet-s_2xb6-120k_1024x1024-cityscapes': 'channels of its pooled branches can only go all '
                                               'together; a stream does not end where scales are 0',
    'cgnet_fcn_4xb8-60k_cityscapes-512x1024': 'its streams begin with a convolution without a norm',
    'td-hm_litehrnet-18_8xb64-210e_coco-256x192': 'its code splits by widths that were fixed when '
                                                  'it was built, and it shuffles',
}
