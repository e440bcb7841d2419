"""Imports the runner hooks, in the order in which they act at the end of an epoch."""
from .distillation_hook import DistillationHook  # 68
from .fast_training_hook import FastTrainingHook  # 75
from .fingerprint_hook import FingerprintHook  # 74
from .finite_hook import FiniteHook  # 69
from .fixed_mask_hook import FixedMaskHook  # 71
from .interim_metrics_hook import InterimMetricsHook  # after validation
from .labels_hook import LabelsHook  # the same
from .prune_hook import PruneHook  # 71
from .recalibrate_hook import RecalibrateHook  # 72
from .resume_hook import ResumeHook  # 100
from .rewind_hook import RewindHook  # 74
from .schedules_hook import SchedulesHook  # before training
from .search_hook import SearchHook  # 70
from .seed_hook import SeedHook  # before an epoch
from .stop_hook import StopHook  # 100, after all others
from .ticket_checkpoint_hook import TicketCheckpointHook  # 90
from .ticket_hook import TicketHook  # 73
from .timeline_hook import TimelineHook  # 75

__all__ = [
    'DistillationHook', 'FastTrainingHook', 'FingerprintHook', 'FiniteHook', 'FixedMaskHook',
    'InterimMetricsHook', 'LabelsHook', 'PruneHook', 'RecalibrateHook', 'ResumeHook', 'RewindHook',
    'SchedulesHook', 'SearchHook', 'SeedHook', 'StopHook', 'TicketCheckpointHook', 'TicketHook',
    'TimelineHook'
]
