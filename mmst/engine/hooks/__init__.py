"""Runner hooks, in the order in which they act at the end of an epoch."""
from .seed_hook import SeedHook  # before an epoch
from .search_hook import SearchHook  # 70
from .prune_hook import PruneHook  # 71
from .recalibrate_hook import RecalibrateHook  # 72
from .ticket_hook import TicketHook  # 73
from .ticket_checkpoint_hook import TicketCheckpointHook  # 90
from .interim_metrics_hook import InterimMetricsHook  # after validation

__all__ = [
    'InterimMetricsHook', 'PruneHook', 'RecalibrateHook', 'SearchHook', 'SeedHook',
    'TicketCheckpointHook', 'TicketHook'
]
