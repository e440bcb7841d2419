"""Optimizer wrappers and their constructor."""
from .decay_groups_constructor import DecayGroupsConstructor
from .masked_optim_wrapper import MaskedAmpOptimWrapper, MaskedOptimWrapper

__all__ = ['DecayGroupsConstructor', 'MaskedAmpOptimWrapper', 'MaskedOptimWrapper']
