# Table 1: + IR-P, masks are lifted right after each prune.
_base_ = './two_in_one_pp.py'
default_hooks = dict(prune=dict(reactivation='prune'))
