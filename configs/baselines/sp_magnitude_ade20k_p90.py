# S+P in one run: search, then prune once at the end.
_base_ = '../st_hrnas_ade20k_p90.py'
default_hooks = dict(
    prune=dict(criterion='magnitude', interval=200, schedule='one_shot', reactivation=None))
