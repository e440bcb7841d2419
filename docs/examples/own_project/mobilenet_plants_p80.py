# The same, searched and pruned to 80% on the way: these are the additions.
_base_ = './mobilenet_plants.py'
custom_imports = dict(imports=['mmst'], allow_failed_imports=False)
optim_wrapper = dict(type='mmst.MaskedOptimWrapper')  # the optimizer stays as it is
default_hooks = dict(
    # Intervals and warm-up count in the run's unit: here iterations, in other runs epochs.
    search=dict(type='mmst.SearchHook', interval=40, warmup=20, rho=0.005, threshold=0.01,
                input_shape=(120, 160)),
    prune=dict(type='mmst.PruneHook', sparsity=0.8, interval=30),
    recalibrate=dict(type='mmst.RecalibrateHook', batches=4, batch_size=8),
    ticket=dict(type='mmst.TicketHook'),
    timeline=dict(type='mmst.TimelineHook'),
    checkpoint=dict(type='mmst.TicketCheckpointHook', save_best='mIoU'),
    interim_metrics=dict(type='mmst.InterimMetricsHook'))
