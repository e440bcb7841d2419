"""The main configs with a narrow network, small images and few epochs, on generated data."""
from pathlib import Path

from mmengine.config import Config
from tiny import PlainConfig

from mmst.lab.scenes import generate

CONFIGS = Path(__file__).parents[1] / 'configs'
#: Two branches, which search, pruning and each task's neck and head already treat like four.
NARROW = dict(stem_channels=(6, 4), channels=((4, ), (4, 6)), depths=((1, ), (1, 1)),
              expand_ratio=2, tokens=5)
#: Size of a generated image, number of images for training and for validation.
DATA = dict(imagenet=((48, 48), 20, 10), cityscapes=((64, 128), 8, 2), ade20k=((64, 64), 8, 2),
            coco=((128, 160), 4, 2))
#: For the network, and for the transforms of both pipelines by their type.
SIZE = dict(imagenet=(32, 32), cityscapes=(32, 64), ade20k=(32, 32), coco=(64, 48))
TRANSFORMS = dict(
    imagenet=dict(RandomResizedCrop=dict(scale=32), ResizeEdge=dict(scale=36),
                  CenterCrop=dict(crop_size=32)),
    cityscapes=dict(RandomResize=dict(scale=(128, 64)), Resize=dict(scale=(128, 64)),
                    RandomCrop=dict(crop_size=(32, 64))),
    ade20k=dict(RandomResize=dict(scale=(256, 64)), Resize=dict(scale=(256, 64)),
                RandomCrop=dict(crop_size=(32, 32))),
    coco=dict(TopdownAffine=dict(input_size=(48, 64)), GenerateTarget=dict(encoder=dict(
        type='MSRAHeatmap', input_size=(48, 64), heatmap_size=(12, 16), sigma=2))))


def small_model(task, model):
    """Make ``model`` narrow, with the classes that the generated data have."""
    model['backbone'].update(NARROW)
    model['neck'].update(in_channels=(4, 6), expand_ratio=2, tokens=5)
    if task == 'imagenet':
        model['neck'].update(channels=(6, 8), out_channels=16)
        model['head'].update(in_channels=16, num_classes=10)
        model['data_preprocessor']['num_classes'] = 10
    elif task == 'coco':
        model['head']['decoder'] = TRANSFORMS['coco']['GenerateTarget']['encoder']
    else:
        model['data_preprocessor']['size'] = SIZE[task]


def use_data(task, cfg, root):
    """Point the loaders to ``root`` and shrink the images."""
    for split in ('train', 'val', 'test'):
        loader = cfg[f'{split}_dataloader']
        loader.update(num_workers=0, persistent_workers=False, batch_size=4)
        loader['dataset']['data_root'] = str(root)
        if task == 'imagenet':
            loader['dataset']['metainfo'] = dict(classes=[str(i) for i in range(10)])
        for transform in loader['dataset']['pipeline']:
            transform.update(TRANSFORMS[task].get(transform['type'], {}))
    if task == 'coco':
        cfg['val_evaluator']['ann_file'] = f'{root}/annotations/person_keypoints_val2017.json'


def short_run(task, tmp_path, train=None, val=None) -> PlainConfig:
    """A main config with two epochs of a few iterations; ``train``, ``val``: numbers of images."""
    size, *images = DATA[task]
    train, val = train or images[0], val or images[1]
    root = generate(task, tmp_path / 'data', size, train, val).path
    cfg = Config.fromfile(CONFIGS / f'st_hrnas_{task}_p90.py').to_dict()
    small_model(task, cfg['model'])
    use_data(task, cfg, root / 'ADEChallengeData2016' if task == 'ade20k' else root)
    cfg.update(work_dir=str(tmp_path / 'work'), log_level='ERROR', experiment_name=str(tmp_path))
    cfg['train_cfg'].update(max_epochs=2, val_interval=1)
    hooks = cfg['default_hooks']
    hooks['search'].update(interval=1, warmup=0, input_shape=SIZE[task])
    hooks['prune'].update(interval=1)
    hooks['recalibrate'].update(batches=2, batch_size=4)
    hooks['checkpoint'].update(interval=1)
    for scheduler in cfg['param_scheduler']:
        if 'total_steps' in scheduler:
            scheduler['total_steps'] = 2
    return PlainConfig(cfg)
