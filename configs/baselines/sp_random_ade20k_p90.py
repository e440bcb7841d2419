# S+P with the random criterion.
_base_ = './sp_magnitude_ade20k_p90.py'
default_hooks = dict(prune=dict(criterion='random'))
