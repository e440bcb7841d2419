"""Makes all processes of a run act on the findings of the first one.

Their numbers may differ in the last bit, and so could decisions that each takes for itself.
"""
from typing import TypeVar

import torch
from mmengine import dist

Decision = TypeVar('Decision')


def decision_of_first_rank(decision: Decision) -> Decision:
    """Return the decision, plain data, of the first process."""
    decisions = [decision]
    dist.broadcast_object_list(decisions)
    return decisions[0]


def take_from_first_rank(kept: torch.Tensor) -> None:
    """Overwrite a bool tensor by that of the first process."""
    if dist.get_world_size() > 1:
        dist.broadcast(kept.view(torch.uint8))
