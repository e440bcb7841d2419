# Real people at a size that CPUs can train: a small part of COCO 2017 in COCO's layout and the
# demo's narrow supernet and schedule. The folder is that of the environment variable
# COCO_KEYPOINTS_ROOT, or data/coco_keypoints; with 300 people an epoch is about half of them.
_base_ = '../_base_/narrow_people.py'
training_data = 'COCO, a small part'  # for the metafile
data_root = '{{$COCO_KEYPOINTS_ROOT:data/coco_keypoints}}'
train_dataloader = dict(
    num_workers=0, sampler=dict(share=0.5), dataset=dict(data_root=data_root))
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + '/annotations/person_keypoints_val2017.json')
test_evaluator = val_evaluator
