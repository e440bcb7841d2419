# The run that keeps rewind points; see st_hrnas_cityscapes_p90_rewind.py.
_base_ = '../st_hrnas_coco_p90.py'
default_hooks = dict(rewind=dict(type='mmst.RewindHook', epochs=[0, 15, 210]))
