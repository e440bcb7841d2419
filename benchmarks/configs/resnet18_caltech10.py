# ResNet-18 as it is, from scratch, on ten classes of Caltech-101 at 64x64: a folder each in train/
# and val/ of the folder that the environment variable CALTECH10_ROOT names.
custom_imports = dict(imports=['mmst'], allow_failed_imports=False)
default_scope = 'mmpretrain'
classes = ('Leopards', 'Motorbikes', 'airplanes', 'bonsai', 'car_side', 'chandelier', 'hawksbill',
           'kangaroo', 'ketch', 'watch')
model = dict(
    type='ImageClassifier',
    data_preprocessor=dict(num_classes=10, mean=[123.675, 116.28, 103.53],
                           std=[58.395, 57.12, 57.375], to_rgb=True),
    backbone=dict(type='ResNet', depth=18, num_stages=4, out_indices=(3, ), style='pytorch'),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(type='LinearClsHead', num_classes=10, in_channels=512, topk=(1, ),
              loss=dict(type='CrossEntropyLoss', loss_weight=1.0)))
photographs = dict(
    type='CustomDataset', data_root='{{$CALTECH10_ROOT:data/caltech10}}',
    metainfo=dict(classes=classes))
train_dataloader = dict(
    batch_size=32, num_workers=0, drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(**photographs, data_prefix='train', pipeline=[
        dict(type='LoadImageFromFile'),
        dict(type='RandomResizedCrop', scale=64, crop_ratio_range=(0.35, 1.0)),
        dict(type='RandomFlip', prob=0.5, direction='horizontal'),
        dict(type='PackInputs')]))
val_dataloader = dict(
    batch_size=95, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(**photographs, data_prefix='val', pipeline=[
        dict(type='LoadImageFromFile'),
        dict(type='ResizeEdge', scale=72, edge='short'),
        dict(type='CenterCrop', crop_size=64),
        dict(type='PackInputs')]))
val_evaluator = dict(type='Accuracy', topk=(1, ))
test_dataloader, test_evaluator = val_dataloader, val_evaluator
epochs = 12
train_cfg = dict(by_epoch=True, max_epochs=epochs, val_begin=epochs, val_interval=1)
val_cfg = {}
test_cfg = {}
optim_wrapper = dict(  # bfloat16 on a CPU
    type='mmst.MaskedAmpOptimWrapper',
    optimizer=dict(type='SGD', lr=0.05, momentum=0.9, weight_decay=5e-4))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=True, end=1, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', by_epoch=True, begin=1, T_max=epochs - 1,
         convert_to_iter_based=True)]
default_hooks = dict(
    logger=dict(type='LoggerHook', interval=20),
    checkpoint=dict(type='CheckpointHook', interval=epochs))
randomness = dict(seed=0)
log_level = 'INFO'
