"""Lists a network as steps, which the kernel runs by one call and a C library without Python."""
from .step_list import CLASSES, HEATMAPS, SEGMENTATION, StepList, list_steps

__all__ = ['CLASSES', 'HEATMAPS', 'SEGMENTATION', 'StepList', 'list_steps']
