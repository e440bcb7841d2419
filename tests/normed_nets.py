"""A network with a layer whose weight is computed from other parameters at each pass."""
import tiny
from mmengine.registry import MODELS
from torch import nn
from torch.nn.utils import parametrizations, spectral_norm, weight_norm

from mmst.models import DensePredictionNeck

NORMS = dict(weight_norm=weight_norm, spectral_norm=spectral_norm,
             new_weight_norm=parametrizations.weight_norm,
             new_spectral_norm=parametrizations.spectral_norm)


@MODELS.register_module(force=True)
class NormedNeck(DensePredictionNeck):
    """The neck with one more layer behind it, a pass of its own."""

    def __init__(self, norm, **settings):
        super().__init__(**settings)
        self.extra = NORMS[norm](nn.Conv2d(4, 4, 1))

    def forward(self, inputs):
        return (self.extra(super().forward(inputs)[0]), )


def config(folder, norm, epochs=2, **settings):
    """A run of such a network."""
    cfg = tiny.config(folder, epochs, ticket=True, **settings)
    cfg.model.neck.update(type='NormedNeck', norm=norm)
    return cfg
