"""A second pass at another level: whose gradients a step gets."""
import torch
from torch import nn

from mmst.engine.optim.level_pass import LevelPass
from mmst.pruning.levels import begin_levels
from mmst.pruning.reactivation import prune_state


def test_gradients_of_the_first_pass_stay_where_a_graph_writes_over_their_memory():
    """Gradients of a CUDA graph lie in memory that its next pass overwrites."""
    weight = nn.Parameter(torch.tensor([3., 2., 0.]))
    masks = prune_state({weight: torch.tensor([False, True, True])})
    masks[weight]['value'] = torch.tensor([0., 2., 0.])
    begin_levels(masks, dict(weight=weight),
                 dict(weight=torch.tensor([2, 1, 0], dtype=torch.uint8)))
    of_graph = torch.tensor([1., 1., 1.])
    weight.grad = of_graph

    def backward():
        weight.grad = of_graph.fill_(10.)

    LevelPass(backward, 0, True).begin(masks)
    assert weight.grad.tolist() == [11., 10., 0.]
