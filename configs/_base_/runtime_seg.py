_base_ = 'mmseg::_base_/default_runtime.py'
log_processor = dict(by_epoch=True)
randomness = dict(seed=0)
