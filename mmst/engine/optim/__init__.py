"""Imports optimizers, their wrappers and constructor, schedules."""
from .decay_groups_constructor import DecayGroupsConstructor
from .masked_optim_wrapper import MaskedAmpOptimWrapper, MaskedOptimWrapper
from .one_cycle_beta_lr import OneCycleBetaLR
from .rmsprop_tf import RMSpropTF
from .staircase_lr import StaircaseLR

__all__ = [
    'DecayGroupsConstructor', 'MaskedAmpOptimWrapper', 'MaskedOptimWrapper', 'OneCycleBetaLR',
    'RMSpropTF', 'StaircaseLR'
]
