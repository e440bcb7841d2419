# The paper's data sets and settings. Runs take days on eight GPUs each: start with --only.
configs = dict(
    cityscapes='../../st_hrnas_cityscapes_p90.py', ade20k='../../st_hrnas_ade20k_p90.py',
    imagenet='../../st_hrnas_imagenet_p90.py', coco='../../st_hrnas_coco_p90.py')
REWIND = 'default_hooks.rewind.'
options = {
    # Checkpoints to retrain from lie at the end of the run.
    'cityscapes.st_p??': {REWIND + 'type': 'mmst.RewindHook', REWIND + 'epochs': [0, 25, 430]},
    'ade20k.st_p??': {REWIND + 'type': 'mmst.RewindHook', REWIND + 'epochs': [0, 15, 200]},
    'cityscapes.milliseconds_p??': {'default_hooks.search.target_ms': 30},
    'cityscapes.timed_*_p??': {'default_hooks.prune.target_ms': 30},
    # The neck is carried over: it is as wide as the source's.
    'cityscapes.from_ade20k_*': {
        'model.neck.out_channels': 180, 'model.decode_head.in_channels': 180,
        'model.decode_head.channels': 180},
    'ade20k.from_cityscapes_*': {
        'model.neck.out_channels': 90, 'model.decode_head.in_channels': 90,
        'model.decode_head.channels': 90}}
