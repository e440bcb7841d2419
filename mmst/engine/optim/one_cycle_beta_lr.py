"""Schedules one cycle, with beta1 against the learning rate."""
from typing import Any

from mmengine.optim import OneCycleLR

from ...errors import config_error
from ...openmmlab.internals import phases_of, steps_of
from ...registry import PARAM_SCHEDULERS
from ...settings.checks import check_number


@PARAM_SCHEDULERS.register_module()
class OneCycleBetaLR(OneCycleLR):
    """Is mmengine's ``OneCycleLR``, and cycles beta1 (or SGD's momentum) as torch's does by
    default.

    While the rate rises, beta1 falls from ``max_momentum`` to ``base_momentum``; while the rate
    falls, it rises again. mmengine's momentum schedulers cannot turn at the step where the rate
    does, one before a whole epoch, and would need the run's length a second time. Other arguments
    as ``OneCycleLR``.

    Args:
        base_momentum (float): At the peak of the rate. Defaults to 0.85.
        max_momentum (float): At both ends. Defaults to 0.95.
    """

    def __init__(self, optimizer, *args, base_momentum: float = 0.85, max_momentum: float = 0.95,
                 **kwargs):
        remedy = 'use torch\'s 0.85 and 0.95'
        self.max_momentum = check_number('param_scheduler.max_momentum', max_momentum, low=0,
                                         below=1, remedy=remedy)
        self.base_momentum = check_number('param_scheduler.base_momentum', base_momentum, low=0,
                                          high=self.max_momentum, remedy=remedy)
        if 'eta_max' in kwargs:
            check_number('param_scheduler.eta_max', kwargs['eta_max'], above=0,
                         remedy='give the largest learning rate')
        for group in optimizer.param_groups:
            if 'betas' not in group and 'momentum' not in group:
                raise config_error('param_scheduler.type', type(self).__name__,
                                   'the optimizer has neither betas nor momentum',
                                   'use OneCycleLR, or an optimizer such as AdamW')
        super().__init__(optimizer, *args, **kwargs)  # sets the values of the first step

    def step(self) -> None:
        """Set rate and beta1 of the next step."""
        super().step()
        if self.begin <= steps_of(self) < self.end:
            for group in self.optimizer.param_groups:
                _set_momentum(group, self.momentum)

    @property
    def momentum(self) -> float:
        """Return beta1 at the present step."""
        level = {'initial_lr': self.max_momentum, 'max_lr': self.base_momentum,
                 'min_lr': self.max_momentum}
        start, phases = 0., phases_of(self)
        for phase in phases:
            end = phase['end_step']
            if self.last_step <= end or phase is phases[-1]:
                break
            start = end
        return self.anneal_func(level[phase['start_lr']], level[phase['end_lr']],
                                (self.last_step - start) / (end - start))


def _set_momentum(group: dict[str, Any], value: float) -> None:
    if 'betas' in group:
        group['betas'] = (value, *group['betas'][1:])
    else:
        group['momentum'] = value
