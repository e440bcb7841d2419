"""Narrow networks with all the parts of the full ones, for fast tests."""
import torch
from torch import nn

from mmst.models import DensePredictionNeck, HRNASSupernet, SupernetInit
from mmst.search.surgery import Cut
from mmst.search.units import find_units

CHANNELS = (4, 6, 8, 10)

#: Every kind of fusion is there: neighbours above and below, a new branch.
NARROW = dict(
    stem_channels=(6, 4),
    channels=((4, ), (4, 6), (4, 6, 8), CHANNELS),
    depths=((1, ), (1, 1), (1, 1, 1), (1, 1, 1, 1)),
    expand_ratio=2,
    tokens=5)


def narrow_backbone(**changes) -> HRNASSupernet:
    """A supernet of four narrow branches, initialised."""
    return initialised(HRNASSupernet(**{**NARROW, **changes}))


def narrow_neck(**changes) -> DensePredictionNeck:
    """The neck that fits it."""
    settings = dict(in_channels=CHANNELS, out_channels=7, expand_ratio=2, tokens=5)
    return initialised(DensePredictionNeck(**{**settings, **changes}))


class NarrowModel(nn.Module):
    """Backbone, neck and classifier: a whole segmentation network in small."""

    def __init__(self, channels_last=True, **changes):
        super().__init__()
        self.backbone = narrow_backbone(channels_last=channels_last, **changes)
        self.neck = narrow_neck(**changes)
        self.classifier = nn.Conv2d(7, 3, 1)

    def forward(self, x):
        return self.classifier(self.neck(self.backbone(x))[0])


class TwoBranches(nn.Module):
    """A segmentation network of two branches: quicker to build than ``NarrowModel``."""

    def __init__(self, channels=((4, ), (4, 6)), depths=((1, ), (1, 1)), **changes):
        super().__init__()
        self.backbone = narrow_backbone(channels=channels, depths=depths, **changes)
        self.neck = narrow_neck(in_channels=channels[-1], **changes)
        self.classifier = nn.Conv2d(7, 3, 1)

    def forward(self, x):
        return self.classifier(self.neck(self.backbone(x))[0])


def initialised(module):
    """``module`` after its own initialisation, without mmengine's log of it."""
    SupernetInit()(module)
    return randomise_norms(module)


@torch.no_grad()
def randomise_norms(module):
    """Give every norm values that a trained one could have, so that none of them is a no-op."""
    for m in module.modules():
        if isinstance(m, (nn.modules.batchnorm._BatchNorm, nn.LayerNorm)) and m.weight is not None:
            m.weight.uniform_(0.5, 1.5)
            m.bias.uniform_(-0.3, 0.3)
        if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.track_running_stats:
            m.running_mean.uniform_(-0.3, 0.3)
            m.running_var.uniform_(0.5, 1.5)
    return module


def input_image(batch=2, height=64, width=64, dtype=None):
    """A random image that is the same each time, in any precision."""
    seed = torch.Generator().manual_seed(1)
    return torch.randn(batch, 3, height, width, generator=seed).to(dtype)


def cut_at_random(model, share=0.5):
    """Remove random units; everything of the first two groups, whatever the draw."""
    for i, group in enumerate(find_units(model).values()):
        keep = (torch.rand(len(group)) > share).nonzero().flatten()
        group.keep(keep[:0] if i < 2 else keep, Cut())
    return model
