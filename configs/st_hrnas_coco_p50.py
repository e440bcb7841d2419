_base_ = './st_hrnas_coco_p90.py'
default_hooks = dict(prune=dict(sparsity=0.50))
