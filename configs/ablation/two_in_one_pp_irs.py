# Table 1: + IR-S, masks are lifted at each search: the whole method.
_base_ = './two_in_one_pp.py'
default_hooks = dict(prune=dict(reactivation='search'))
