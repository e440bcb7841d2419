# Real people at a size that CPUs can train: a small part of COCO 2017 in COCO's layout, with the
# network and the recipe of the demo on generated people. The folder is that of the environment
# variable COCO_KEYPOINTS_ROOT, or data/coco_keypoints. With 300 people an epoch is 18 steps, and
# three times the demo's epochs are some 2,000 of them.
_base_ = './st_hrnas_coco_p90_demo.py'
training_data = 'COCO, a small part'  # for the metafile
data_root = '{{$COCO_KEYPOINTS_ROOT:data/coco_keypoints}}'
train_dataloader = dict(
    num_workers=0, sampler=dict(share=1), dataset=dict(data_root=data_root))
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + '/annotations/person_keypoints_val2017.json')
test_evaluator = val_evaluator
epochs = 120
train_cfg = dict(max_epochs=epochs, val_begin=60, val_interval=60)
param_scheduler = [
    dict(type='mmst.OneCycleBetaLR', eta_max=0.04, total_steps=epochs, pct_start=0.3, div_factor=25,
         base_momentum=0.85, max_momentum=0.95, by_epoch=True, convert_to_iter_based=True)
]
default_hooks = dict(
    search=dict(interval=6, warmup=6), prune=dict(interval=6), checkpoint=dict(interval=30))
