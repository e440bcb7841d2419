"""Captures under autocast."""
import torch
from torch import nn

from mmst.kernels.capture import capture


def test_no_converted_weight_is_kept_from_one_pass_to_the_next(device):
    """A graph would go on with the weights of its capture."""
    kept = []

    class Looking(nn.Linear):

        def forward(self, x):
            kept.append(torch.is_autocast_cache_enabled())
            return super().forward(x)

    with torch.autocast(device, torch.bfloat16):
        assert torch.is_autocast_cache_enabled()
        capture(Looking(3, 3).to(device), [torch.randn(4, 3, device=device)])
    assert len(kept) >= 3 and not any(kept)
