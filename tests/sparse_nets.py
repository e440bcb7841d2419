"""Narrow networks with random zeros, and what their sparse form has to give."""
import copy

import pytest
import torch
from small_nets import CHANNELS, cut_at_random, initialised, narrow_backbone, randomise_norms
from torch import nn

from mmst.deploy.sparse.engine_settings import EngineSettings
from mmst.deploy.sparse.library import kernel
from mmst.deploy.sparse.sparse_block import SparseSearchBlock
from mmst.models import ClassificationNeck, SearchBlock

needs_kernel = pytest.mark.skipif(kernel() is None, reason='no C++ compiler')


class NarrowClassifier(nn.Module):
    """Backbone, classification neck and linear layer."""

    def __init__(self):
        super().__init__()
        self.backbone = narrow_backbone()
        self.neck = initialised(ClassificationNeck(
            CHANNELS, (4, 8, 12, 16), out_channels=20, expand_ratio=2, tokens=5))
        self.head = nn.Linear(20, 5)

    def forward(self, x):
        return self.head(self.neck(self.backbone(x))[0])


def pruned(make, density=0.4, seed=0):
    """A searched network with random zeros."""
    torch.manual_seed(seed)
    model = cut_at_random(make()).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() > 1 and 'queries' not in name:
                weight.mul_(torch.rand_like(weight) < density)
    return model


def assert_same(found, model, x, tolerance=1e-5):
    with torch.no_grad():
        exact = copy.deepcopy(model).double()(x.double())
    assert found.shape == exact.shape
    assert float((found - exact).abs().max()) <= tolerance * float(exact.abs().max())


def assert_nan_passes():
    """Through the kernel's ReLUs, and through a Transformer's softmax, as through torch's."""
    for settings in (dict(transformer='none'), dict(tokens=5)):
        torch.manual_seed(0)
        block = randomise_norms(SearchBlock(4, 4, expand_ratio=2, **settings)).eval()
        x = torch.randn(1, 4, 24, 31)
        x[0, 2, 8, 10] = float('nan')
        with torch.no_grad():
            found, exact = SparseSearchBlock(block, EngineSettings())(x), block(x)
        assert bool(exact.isnan().any()) and torch.equal(found.isnan(), exact.isnan())
