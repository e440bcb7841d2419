# The ticket that comes with the package, `mmst.load('street-p90')`: the demo's task, a deeper
# supernet, trained for about an hour on one core. More images, and as many prunes and searches
# over more epochs; the search stops at 2.7 M parameters, a tenth of which makes a sparse file of
# 1.5 MB.
#   mmst generate-data quiet_streets data/street --train 480 --val 100
#   mmst train configs/demo/street_p90.py
#   mmst export work_dirs/street_p90/ticket.pth --format sparse   # the file
#   mmst share work_dirs/street_p90/ticket.pth -o shared/street   # its card, with milliseconds
_base_ = '../_base_/narrow_streets.py'
training_data = 'generated, as Cityscapes'  # for the metafile
street = dict(data_root='data/street')
train_dataloader = dict(dataset=street)
val_dataloader = dict(dataset=street)
test_dataloader = val_dataloader
epochs = 72
train_cfg = dict(max_epochs=epochs, val_begin=epochs, val_interval=epochs)
param_scheduler = [
    dict(type='mmst.OneCycleBetaLR', eta_max=0.04, total_steps=epochs, pct_start=0.3, div_factor=25,
         base_momentum=0.85, max_momentum=0.95, by_epoch=True, convert_to_iter_based=True)
]
default_hooks = dict(
    ema=dict(momentum=0.01),
    search=dict(interval=8, warmup=6, target_params=2.7e6),
    prune=dict(interval=6))
