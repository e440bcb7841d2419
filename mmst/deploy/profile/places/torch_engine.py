"""Times networks by torch, on the processor."""
from collections.abc import Sequence

from torch import nn

from ...sparse.call import call
from ..clock import Timed
from .place import Place


class TorchEngine(Place):
    """Times networks by torch, to which zeros are weights like others."""
    engine = 'torch'

    def prepare(self, model: nn.Module, paths: Sequence[str] = ()) -> Timed:
        """Take the network as it is; see :meth:`Place.prepare`."""
        return Timed(lambda image: call(model, image),
                     {path: model.get_submodule(path) for path in paths})
