# S+P, first half: search only. Prune its ticket once, at any ratio, with mmst prune.
_base_ = '../st_hrnas_ade20k_p90.py'
default_hooks = dict(prune=None)
