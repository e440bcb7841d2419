"""Wraps optimizers: pruned weights stay at zero, and the penalty is added."""
import logging
from collections.abc import Mapping
from typing import Any

import torch
from mmengine.device import is_cuda_available
from mmengine.logging import print_log
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from torch.optim import Optimizer

from ...errors import config_error
from ...openmmlab.internals import clip_gradients, let_scale_be, scale_after_step
from ...pruning.reactivation import (
    PruneState,
    mask_gradients,
    prune_state,
    reactivate,
    zero_pruned,
)
from ...registry import OPTIM_WRAPPERS
from ...search.penalty import L1Penalty
from ...settings.checks import check_choice, check_number, suggestion
from ...settings.words import arguments
from .gathered_gradients import GatheredGradients
from .level_pass import LevelPass
from .precision import native_precision

#: The most that a loss is multiplied with: more overflows in float16, and soon in float32.
MOST_SCALE = 2.**32
#: Names of the types that autocast may compute in.
_PRECISIONS = ('float16', 'bfloat16', 'float32', 'float64')


class MaskedStep:
    """Adds masks and penalty to a step of both wrappers.

    Once per real step (gradient accumulation), after unscaling and before clipping: the penalty's
    sub-gradient is added and pruned weights lose their gradients. After the step pruned weights
    are set to exactly 0. Hooks own the content of ``masks`` and ``penalty``.

    Attributes:
        masks (PruneState): Parameter to ``{'pruned': bool tensor}``, True where a weight is pruned
            (a :class:`~mmst.pruning.mask.Mask` is True where one is kept); empty where none is.
        returned (PruneState): Parameter to ``{'returned': bool tensor}``, True where a weight was
            pruned until masks were lifted; empty where masks are in force.
        penalty (L1Penalty, optional): Set by ``SearchHook``.
        level_pass (LevelPass, optional): A second pass at another level, for the next step alone.
    """

    optimizer: Optimizer  # the wrapper's

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.masks: PruneState = {}
        self.returned: PruneState = {}
        self.penalty: L1Penalty | None = None
        self.level_pass: LevelPass | None = None

    def adjust_gradients(self) -> None:
        """Add the penalty, then mask. Gradients must be unscaled."""
        if self.penalty is not None:
            self.penalty.add_gradients()
        if self.level_pass is None:  # its gradients are masked, by its own level too
            mask_gradients(self.masks)

    def begin_level(self) -> None:
        """Add the gradients of a second pass, where one is due. Gradients are still scaled."""
        if not self.masks:
            self.level_pass = None
        if self.level_pass is not None:
            self.level_pass.begin(self.masks)

    def hold_pruned(self) -> None:
        """Set pruned weights to 0 after a step."""
        if self.level_pass is not None:
            self.level_pass.end(self.masks)
            self.level_pass = None
        zero_pruned(self.masks)

    def set_masks(self, pruned: dict[torch.nn.Parameter, torch.Tensor],
                  keep_values: bool = False) -> None:
        """Hold weights at 0 from now on.

        Args:
            pruned (Dict[nn.Parameter, Tensor]): Bool tensors of the parameters' shapes, True for
                the weights to hold.
            keep_values (bool): Remember the weights for their revival. A weight that is pruned
                already keeps the value that is remembered. Defaults to False.
        """
        old = self.masks
        self.masks, self.returned = prune_state(pruned), {}
        for parameter, state in self.masks.items() if keep_values else ():
            value, before = parameter.detach().clone(), old.get(parameter, {})
            if 'value' in before:
                value = torch.where(before['pruned'], before['value'], value)
            state['value'] = value.masked_fill_(~state['pruned'], 0)
        zero_pruned(self.masks)

    def lift_masks(self) -> None:
        """Give pruned weights their gradients back (``reactivate``)."""
        if self.masks:
            self.returned = {p: dict(returned=s['pruned']) for p, s in self.masks.items()}
        reactivate(self.masks, self.optimizer)


@OPTIM_WRAPPERS.register_module()
class MaskedOptimWrapper(MaskedStep, GatheredGradients, OptimWrapper):
    """Is an ``OptimWrapper`` for sparse training: see :class:`MaskedStep`. Same arguments."""

    def step(self, **kwargs) -> None:
        self.begin_level()
        self.adjust_gradients()
        super().step(**kwargs)
        self.hold_pruned()


@OPTIM_WRAPPERS.register_module()
class MaskedAmpOptimWrapper(MaskedStep, GatheredGradients, AmpOptimWrapper):
    """Is an ``AmpOptimWrapper`` for sparse training: see :class:`MaskedStep`. Same arguments.

    Where ``dtype`` is not given it trains in bfloat16 if the device has it, without loss scaling,
    and in float16 otherwise. Without a GPU it trains in bfloat16 on the CPU.
    """

    def __init__(self, loss_scale='dynamic', dtype=None, **kwargs):
        # Here, as a CPU would not look at them.
        if isinstance(dtype, str):
            check_choice('optim_wrapper.dtype', dtype, _PRECISIONS)
        if isinstance(loss_scale, str):
            check_choice('optim_wrapper.loss_scale', loss_scale, ['dynamic'], 'a number, or a dict')
        elif isinstance(loss_scale, dict):
            _check_scaler(loss_scale)
        else:
            loss_scale = float(check_number('optim_wrapper.loss_scale', loss_scale, above=0,
                                            high=MOST_SCALE, remedy="use 'dynamic', or e.g. 512"))
        if is_cuda_available():
            dtype = dtype or native_precision()
            super().__init__(loss_scale=loss_scale, dtype=dtype, **kwargs)
            if dtype in ('bfloat16', torch.bfloat16):  # It has the exponents of float32.
                self.loss_scaler = _no_scaler()
                let_scale_be(self)
            return
        if dtype in ('float16', torch.float16):
            print_log(f'optim_wrapper.dtype = {dtype}: there is no GPU, and CPUs train in bfloat16',
                      'current', logging.WARNING)
        OptimWrapper.__init__(self, **kwargs)
        self.masks, self.returned, self.penalty, self.level_pass = {}, {}, None, None
        self._collected = self._to_restore = None
        self.loss_scaler = _no_scaler()
        let_scale_be(self)
        self.cast_dtype = torch.bfloat16

    def step(self, **kwargs) -> None:
        self.begin_level()
        self.loss_scaler.unscale_(self.optimizer)
        self.adjust_gradients()
        if self.clip_grad_kwargs:
            clip_gradients(self)
        self.loss_scaler.step(self.optimizer, **kwargs)
        self.loss_scaler.update(scale_after_step(self))
        self.hold_pruned()

    def load_state_dict(self, state_dict: dict) -> None:
        """Load a run's state; one of a run without loss scaling has no scale to load."""
        if not state_dict.get('loss_scaler', True):
            state_dict.pop('loss_scaler')
        super().load_state_dict(state_dict)


def _check_scaler(given: Mapping[str, Any]) -> None:
    """Refuse settings that torch's loss scaler does not take; of a CPU nothing looks at them.

    Raises:
        ConfigError: Naming the setting.
    """
    known, key = arguments(torch.cuda.amp.GradScaler)[0], 'optim_wrapper.loss_scale'
    for name, value in given.items():
        if name not in known:
            raise config_error(f'{key}.{name}', value, 'nothing reads it', suggestion(
                name, known) or f'use one of {", ".join(known)}')
        if name != 'enabled':
            check_number(f'{key}.{name}', value, above=0, high=MOST_SCALE,
                         remedy=f'correct {key}.{name}')


def _no_scaler():
    """Return a scaler that does nothing; torch before 2.3 has CUDA's only."""
    return getattr(torch.amp, 'GradScaler', torch.cuda.amp.GradScaler)(enabled=False)
