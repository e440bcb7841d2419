"""Switches between the levels of a family of tickets without reading a file again."""
from pathlib import Path
from typing import Any

from ...errors import TicketError
from ...tickets import Ticket
from ..find import find_ticket
from .sparse_model import SparseModel


class SparseLevels:
    """Runs the levels of a family by the CPU engine: ``levels.at(0.8)(images)``.

    The family's weights are read once. A level is packed when it is first asked for, and kept:
    going back to it costs nothing. Each holds the packed weights that it keeps.

    Args:
        family (str | Path | Ticket): A ``family.pth``, a folder or a name as of
            :func:`mmst.deploy.load.load`, or the ticket that was loaded of it.
        settings: Of :class:`SparseModel`, the same for all levels.

    Attributes:
        levels (tuple[float]): Sparsities, ascending.

    Raises:
        ConfigError: There is nothing of this name.
        TicketError: The file is damaged, or has one level alone.
    """

    def __init__(self, family: str | Path | Ticket, **settings: Any):
        self.ticket = family if isinstance(family, Ticket) else find_ticket(family)
        if self.ticket.family is None:
            raise TicketError('the ticket has one level. Remedy: give the family.pth that a run '
                              'with PruneHook(family=...) wrote, or use SparseModel.')
        self.levels = self.ticket.family.levels
        self._settings = settings
        self._packed: dict[int, SparseModel] = {}

    def at(self, level: float) -> SparseModel:
        """Return the network of one of the levels.

        Raises:
            TicketError: There is no such level.
        """
        assert self.ticket.family is not None
        place = self.ticket.family.index(level)
        if place not in self._packed:
            known = self.levels[place]
            self._packed[place] = SparseModel.from_ticket(self.ticket.at(known), **self._settings)
        return self._packed[place]
