# S+P with the gradient criterion.
_base_ = './sp_magnitude_imagenet_p90.py'
default_hooks = dict(prune=dict(criterion='gradient'))
