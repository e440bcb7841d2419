"""Forgets the state that mmengine keeps for a process, between tests and between jobs of a rank."""
import sys


def forget_runners():
    """Clear what mmengine keeps for a process: runners' loggers, message hubs, scopes."""
    if 'mmengine.logging' not in sys.modules:
        return
    from mmengine.logging import MessageHub, MMLogger
    from mmengine.registry import DefaultScope
    from mmengine.visualization import Visualizer
    for logger in MMLogger._instance_dict.values():
        for handler in logger.handlers:
            handler.close()
    for manager in (MMLogger, MessageHub, DefaultScope, Visualizer):
        manager._instance_dict.clear()
