"""Thin glue to mmengine: hooks and optimizer wrappers."""
from .hooks import (InterimMetricsHook, PruneHook, RecalibrateHook, SearchHook, TicketCheckpointHook,
                    TicketHook)
from .optim import DecayGroupsConstructor, MaskedAmpOptimWrapper, MaskedOptimWrapper
from .warmup_ema import WarmupEMA

__all__ = [
    'DecayGroupsConstructor', 'InterimMetricsHook', 'MaskedAmpOptimWrapper', 'MaskedOptimWrapper',
    'PruneHook', 'RecalibrateHook', 'SearchHook', 'TicketCheckpointHook', 'TicketHook',
    'WarmupEMA'
]
