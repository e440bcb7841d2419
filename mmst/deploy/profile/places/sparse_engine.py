"""Times networks by the sparse engine of this process."""
from collections.abc import Sequence

from torch import nn

from ....errors import TicketError
from ...sparse import SparseModel
from ...sparse.library import kernel
from ..clock import Timed
from .place import Place


class SparseEngine(Place):
    """Times networks by the sparse engine, which passes over zeros."""
    engine = 'sparse'

    def prepare(self, model: nn.Module, paths: Sequence[str] = ()) -> Timed:
        """Compile the network; see :meth:`Place.prepare`.

        Raises:
            TicketError: The sparse engine has no compiled kernel, or runs none of its blocks.
        """
        found = SparseModel(model, threads=self.threads)
        if kernel() is None:
            raise TicketError('the sparse engine has no compiled kernel for it. Remedy: install a '
                              'C++ compiler, e.g. g++, or give --device torch.')
        if not found.blocks['sparse']:
            raise TicketError('the sparse engine runs no block of the network: it has no search '
                              'blocks of mmst, or dense ones alone. Remedy: give --device torch.')
        return Timed(found, {path: found.model.get_submodule(path) for path in paths},
                     layers=found.time_layers)
