_base_ = 'mmseg::_base_/default_runtime.py'
log_processor = dict(by_epoch=True)
randomness = dict(seed=0)
# Each search changes shapes, and cuDNN's trials begin again for each changed convolution.
env_cfg = dict(cudnn_benchmark=False)
