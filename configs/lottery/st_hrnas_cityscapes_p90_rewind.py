# The run that keeps rewind points: initial, early and late weights (supplement, Table 3). The
# settings themselves: mmst lottery CONFIG TICKET rp|rr-init|lt|elt|llt.
_base_ = '../st_hrnas_cityscapes_p90.py'
default_hooks = dict(rewind=dict(type='mmst.RewindHook', epochs=[0, 25, 430]))
