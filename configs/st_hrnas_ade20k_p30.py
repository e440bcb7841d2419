_base_ = './st_hrnas_ade20k_p90.py'
default_hooks = dict(prune=dict(sparsity=0.30))
