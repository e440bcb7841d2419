# Progressive pruning without a search: for any network.
default_hooks = dict(
    prune=dict(type='mmst.PruneHook', sparsity=0.4, interval=1, reactivation=None),
    recalibrate=dict(type='mmst.RecalibrateHook', batches=4, batch_size=16),
    ticket=dict(type='mmst.TicketHook', keep_each=False, input_shape=(32, 32)),
    checkpoint=dict(type='mmst.TicketCheckpointHook', interval=4),
    interim_metrics=dict(type='mmst.InterimMetricsHook'))
