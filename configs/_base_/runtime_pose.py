# mmpose's default runtime without its hooks, which two_in_one.py names.
default_scope = 'mmpose'
custom_hooks = [dict(type='SyncBuffersHook')]
env_cfg = dict(
    # Each search changes shapes, and cuDNN's trials begin again for each changed convolution.
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'))
visualizer = dict(
    _scope_='mmpose', type='PoseLocalVisualizer', name='visualizer',
    vis_backends=[dict(type='LocalVisBackend')])
log_processor = dict(by_epoch=True, num_digits=6)
log_level = 'INFO'
load_from = None
resume = False
randomness = dict(seed=0)
