# Table 1: + PP, progressive pruning.
_base_ = './two_in_one.py'
default_hooks = dict(prune=dict(schedule='progressive'))
