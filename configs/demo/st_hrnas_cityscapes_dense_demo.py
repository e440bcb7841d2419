# The demo's network trained for as long without search and pruning: what the ticket is held against.
_base_ = './st_hrnas_cityscapes_p90_demo.py'
default_hooks = dict(
    _delete_=True,
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=20),
    param_scheduler=dict(type='ParamSchedulerHook'),
    seed=dict(type='mmst.SeedHook'),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    ema=dict(type='EMAHook', ema_type='mmst.WarmupEMA', momentum=0.02),
    ticket=dict(type='mmst.TicketHook', input_shape=(128, 256)),
    checkpoint=dict(type='mmst.TicketCheckpointHook', interval=5))
