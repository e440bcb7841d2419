# S+P, first half: search only. Prune its ticket once, at any ratio, with mmst prune.
_base_ = '../st_hrnas_imagenet_p90.py'
default_hooks = dict(prune=None)
