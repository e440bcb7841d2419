"""Prunes by gradients (SNIP)."""
from collections.abc import Mapping

from torch import Tensor

from ...errors import config_error
from ...registry import CRITERIA
from ...settings.checks import check_number
from ..build import criterion_name
from .base import Criterion


@CRITERIA.register_module('gradient')
class Gradient(Criterion):
    """Scores by |Σ over batches of g · θ|, the loss's dependence on a weight (SNIP; paper Sec.
    4.1).

    Args:
        batches (int): Training batches on each rank. Defaults to 100.
    """
    needs_gradients = True

    def __init__(self, batches: int = 100):
        self.batches = check_number('criterion.batches', batches, low=1, whole=True,
                                    remedy='use 100')

    def score(self, weights: Mapping[str, Tensor],
              gradients: Mapping[str, Tensor]) -> dict[str, Tensor]:
        missing = [name for name in weights if name not in gradients]
        if missing:
            raise config_error(
                'criterion', criterion_name(self), f'there is no gradient of {missing[0]}',
                'give it training batches, or use the criterion \'magnitude\', which '
                'needs no data')
        return {name: (gradients[name] * weight.detach()).abs() for name, weight in weights.items()}
