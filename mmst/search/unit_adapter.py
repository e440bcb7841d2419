"""Defines the interface of adapters."""
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from .unit_group import UnitGroup


class UnitAdapter(ABC):
    """Offers the search units of a module whose class cannot do it itself.

    Register a subclass under the class's dotted name, ``'package.file.Class'``: nothing is imported
    for it, so that a toolbox need not be installed. The name must be exact; a subclass may differ
    in details that the adapter relies on and needs an entry of its own. Created at each use.

    Args:
        module (nn.Module): A module of that class.
    """

    def __init__(self, module: nn.Module):
        self.module: Any = module  # an adapter knows its class's attributes

    @abstractmethod
    def search_units(self) -> dict[str, UnitGroup]:
        """Return the module's groups of units; empty where it has none."""

    @abstractmethod
    def rebuild(self, state_dict: Mapping[str, Tensor], prefix: str,
                full: Mapping[str, int]) -> None:
        """Give the module the shapes of a state dict that is about to be loaded.

        Args:
            state_dict (Mapping[str, Tensor]): The whole network's.
            prefix (str): The beginning of the module's keys.
            full (Mapping[str, int]): Units of each group before any search.

        Raises:
            TicketError: If no removal of units can have left such shapes.
        """
