# Table 1: S+P (magnitude), search only and pruned once at the end.
_base_ = '../st_hrnas_cityscapes_p90.py'
default_hooks = dict(prune=dict(interval=430, schedule='one_shot', reactivation=None))
