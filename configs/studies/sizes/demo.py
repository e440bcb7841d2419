# Generated data and narrow networks: minutes a run on a CPU. It shows that a study works.
configs = dict(
    cityscapes='../../demo/st_hrnas_cityscapes_p90_demo.py',
    ade20k='../../_base_/narrow_places.py',
    imagenet='../../_base_/narrow_objects.py',
    coco='../../_base_/narrow_people.py')
# Fewer images than the demos have, in folders of their own; on Cityscapes they are the same.
STUDY = 'data/demo/study/'
ROOT = '_dataloader.dataset.data_root'
generate = dict(
    cityscapes=dict(dataset='quiet_streets', out='data/demo/quiet_streets', size=None, train=192,
                    val=40),
    ade20k=dict(dataset='ade20k', out=STUDY + 'ade20k', size=None, train=112, val=40),
    imagenet=dict(dataset='imagenet', out=STUDY + 'imagenet', size=None, train=400, val=100),
    coco=dict(dataset='coco', out=STUDY + 'coco', size=None, train=160, val=40))
STAGES = ((8, ), (6, 12), (6, 12, 24), (6, 12, 24, 48))
REWIND = 'default_hooks.rewind.'
options = {
    'ade20k.*': {f'{split}{ROOT}': STUDY + 'ade20k/ADEChallengeData2016'
                 for split in ('train', 'val', 'test')},
    'imagenet.*': {f'{split}{ROOT}': STUDY + 'imagenet' for split in ('train', 'val', 'test')},
    'coco.*': {**{f'{split}{ROOT}': STUDY + 'coco/' for split in ('train', 'val', 'test')},
               **{f'{split}_evaluator.ann_file':
                  STUDY + 'coco/annotations/person_keypoints_val2017.json'
                  for split in ('val', 'test')}},
    'cityscapes.st_p??': {REWIND + 'type': 'mmst.RewindHook', REWIND + 'epochs': [0, 2, 20]},
    'ade20k.st_p??': {REWIND + 'type': 'mmst.RewindHook', REWIND + 'epochs': [0, 3, 28]},
    # The network of Cityscapes has fewer stages and blocks than those of the others.
    'cityscapes.from_*': {
        'model.backbone.channels': (*STAGES, STAGES[-1]),
        'model.backbone.depths': ((1, ), (2, 2), (2, 2, 3), (2, 2, 3, 4), (2, 2, 3, 4))},
    'cityscapes.from_ade20k_*': {
        'model.neck.out_channels': 48, 'model.decode_head.in_channels': 48,
        'model.decode_head.channels': 48},
    'ade20k.from_cityscapes_*': {
        'model.backbone.channels': STAGES,
        'model.backbone.depths': ((1, ), (1, 1), (1, 1, 1), (1, 1, 1, 2)),
        'model.neck.out_channels': 24, 'model.decode_head.in_channels': 24,
        'model.decode_head.channels': 24}}
arguments = {
    '*.sp_gradient_p??': dict(batches=10), '*.sp_obc_p??': dict(batches=10),
    '*_rt': dict(epochs=4), '*_init': dict(epochs=4),
    '*_lt': dict(epochs=4), '*_elt': dict(epochs=4), '*_llt': dict(epochs=4),
    '*.from_*': dict(epochs=6)}
