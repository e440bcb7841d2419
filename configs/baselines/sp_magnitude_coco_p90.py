# S+P in one run: search, then prune once at the end.
_base_ = '../st_hrnas_coco_p90.py'
default_hooks = dict(
    prune=dict(criterion='magnitude', interval=210, schedule='one_shot', reactivation=None))
