# Table 1: two-in-one training, pruned at the full ratio each time; masks stay.
_base_ = '../st_hrnas_cityscapes_p90.py'
default_hooks = dict(prune=dict(schedule='one_shot', reactivation=None))
