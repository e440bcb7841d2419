# S+P in one run: search, then prune once at the end.
_base_ = '../st_hrnas_imagenet_p90.py'
default_hooks = dict(
    prune=dict(criterion='magnitude', interval=350, schedule='one_shot', reactivation=None))
