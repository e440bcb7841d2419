# Table 1 on real street scenes that CPUs can train: CamVid in the place of Cityscapes, whose folder
# the environment variable CAMVID_ROOT names.
configs = dict(cityscapes='../../demo/st_hrnas_camvid_p90.py')
REWIND = 'default_hooks.rewind.'
options = {'cityscapes.st_p??': {
    REWIND + 'type': 'mmst.RewindHook', REWIND + 'epochs': [0, 4, 60]}}
arguments = {
    '*.sp_gradient_p??': dict(batches=20), '*.sp_obc_p??': dict(batches=20),
    '*_rt': dict(epochs=8), '*_init': dict(epochs=8),
    '*_lt': dict(epochs=8), '*_elt': dict(epochs=8), '*_llt': dict(epochs=8)}
