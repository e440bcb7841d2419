"""Connects the algorithms to mmengine: hooks and optimizer wrappers."""
from .hooks import (
                    DistillationHook,
                    FastTrainingHook,
                    FingerprintHook,
                    FiniteHook,
                    FixedMaskHook,
                    InterimMetricsHook,
                    LabelsHook,
                    PruneHook,
                    RecalibrateHook,
                    ResumeHook,
                    RewindHook,
                    SearchHook,
                    SeedHook,
                    StopHook,
                    TicketCheckpointHook,
                    TicketHook,
                    TimelineHook,
)
from .optim import (
                    DecayGroupsConstructor,
                    MaskedAmpOptimWrapper,
                    MaskedOptimWrapper,
                    OneCycleBetaLR,
                    RMSpropTF,
                    StaircaseLR,
)
from .run.part_sampler import PartSampler
from .run.seed_worker import seed_worker
from .run.warmup_ema import WarmupEMA

__all__ = [
    'DecayGroupsConstructor', 'DistillationHook', 'FastTrainingHook', 'FingerprintHook',
    'FiniteHook', 'FixedMaskHook', 'InterimMetricsHook', 'LabelsHook', 'MaskedAmpOptimWrapper',
    'MaskedOptimWrapper', 'OneCycleBetaLR', 'PartSampler', 'PruneHook', 'RMSpropTF',
    'RecalibrateHook', 'ResumeHook', 'RewindHook', 'SearchHook', 'SeedHook', 'StaircaseLR',
    'StopHook', 'TicketCheckpointHook', 'TicketHook', 'TimelineHook', 'WarmupEMA', 'seed_worker'
]
