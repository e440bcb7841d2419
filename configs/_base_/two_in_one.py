# Two-in-one training (paper Sec. 3, Alg. 1), the same for all tasks. As default hooks, so that a
# config that inherits this overrides one setting by name, e.g. default_hooks=dict(prune=dict(sparsity=0.5)).
default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50),
    param_scheduler=dict(type='ParamSchedulerHook'),
    seed=dict(type='mmst.SeedHook'),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    # Decay min(0.9999^(batch / 4096), (1 + n) / (10 + n)) at step n, as released; batch 32. First of
    # all hooks: mmengine's log of the loss waits for a GPU, which has the step to do meanwhile.
    ema=dict(type='EMAHook', ema_type='mmst.WarmupEMA', momentum=1 - 0.9999**(32 / 4096),
             priority='HIGHEST'),
    finite=dict(type='mmst.FiniteHook'),
    fast=dict(type='mmst.FastTrainingHook', kernel='auto', compile=False, keep_memory=True,
              cuda_graph=True),
    search=dict(type='mmst.SearchHook', interval=10, threshold=1e-3, rho=1.4e-4, warmup=25,
                input_shape=(512, 1024)),
    prune=dict(type='mmst.PruneHook', sparsity=0.9, interval=25, schedule='progressive',
               criterion='magnitude', scope='global', reactivation='search'),
    recalibrate=dict(type='mmst.RecalibrateHook', batches=10, batch_size=16),
    ticket=dict(type='mmst.TicketHook'),
    fingerprint=dict(type='mmst.FingerprintHook'),
    timeline=dict(type='mmst.TimelineHook'),
    checkpoint=dict(type='mmst.TicketCheckpointHook', interval=10, max_keep_ckpts=3),
    interim_metrics=dict(type='mmst.InterimMetricsHook'),
    resume=dict(type='mmst.ResumeHook'))
