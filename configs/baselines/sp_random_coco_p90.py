# S+P with the random criterion.
_base_ = './sp_magnitude_coco_p90.py'
default_hooks = dict(prune=dict(criterion='random'))
