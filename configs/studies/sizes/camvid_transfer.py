# Transfer to CamVid, whose runs are those of camvid_long.py: from generated streets, in the place
# of ADE20K, half as long as the ticket that comes with the package, and from ten classes of
# Caltech-101, in that of ImageNet, whose folder the environment variable CALTECH10_ROOT names. All
# have the same narrow supernet.
_base_ = './camvid_long.py'
configs = dict(ade20k='../../demo/street_p90.py', imagenet='../../demo/st_hrnas_caltech10_p90.py')
generate = dict(
    ade20k=dict(dataset='quiet_streets', out='data/street', size=None, train=480, val=100))
options = {
    'ade20k.st_p90': {
        'train_cfg.max_epochs': 36, 'train_cfg.val_begin': 36, 'train_cfg.val_interval': 36,
        'param_scheduler.0.total_steps': 36, 'default_hooks.search.interval': 4,
        'default_hooks.search.warmup': 3, 'default_hooks.prune.interval': 3}}
arguments = {'*.from_*': dict(epochs=8)}
