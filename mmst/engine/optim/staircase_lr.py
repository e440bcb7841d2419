"""Decays the rate in steps that need not be whole epochs."""

from mmengine.optim import StepLR

from ...registry import PARAM_SCHEDULERS
from ...settings.checks import check_number


@PARAM_SCHEDULERS.register_module()
class StaircaseLR(StepLR):
    """Multiplies the learning rate by ``gamma`` every ``step_size`` epochs, a fraction allowed.

    With ``convert_to_iter_based=True`` a decay comes at the first iteration n with
    n ≥ k · ``step_size`` · (iterations of an epoch), k = 1, 2, …; nothing is rounded, so the
    steps do not drift. By epoch it comes at the first whole epoch. Other arguments as ``StepLR``.

    Args:
        step_size (float): E.g. 2.4 epochs on ImageNet.
    """

    def __init__(self, optimizer, *args, step_size: float, **kwargs):
        check_number('param_scheduler.step_size', step_size, above=0,
                     remedy='use the paper\'s 2.4 epochs')
        if 'gamma' in kwargs:
            check_number('param_scheduler.gamma', kwargs['gamma'], above=0,
                         remedy='use the paper\'s 0.97')
        super().__init__(optimizer, *args, step_size=step_size, **kwargs)

    def _get_value(self) -> list[float]:
        steps = self._stairs(self.last_step) - self._stairs(self.last_step - 1)
        return [group[self.param_name] * self.gamma**steps
                for group in self.optimizer.param_groups]

    def _stairs(self, step: int) -> int:
        # 2.4 epochs of 5005 iterations are 12012, and not a hair more because 2.4 is no binary
        # fraction.
        return max(int((step + 1e-6) // self.step_size), 0)
