"""Is the common base of backbone and necks that consist of search blocks."""
from typing import Any

from mmengine.model import BaseModule
from torch import Tensor

from .loading import check_blocks
from .widths import check_widths, get_widths, search_blocks, set_widths


class SearchedPart(BaseModule):
    """Takes on a searched architecture, tells its own, and refuses states of another."""

    def take_widths(self, key: str, widths: dict[str, Any] | None) -> None:
        """Take on an architecture, as ``get_widths`` gives it; None: stay the supernet.

        Raises:
            ConfigError: Naming ``key``: it is that of another part.
        """
        if widths is not None:
            check_widths(self, widths, key)
            set_widths(self, widths)

    def get_widths(self) -> dict[str, Any]:
        """Return the architecture as plain data, to be given back as ``widths``."""
        return get_widths(self)

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str,
                              *args: Any) -> None:
        """Refuse other blocks: mmengine would only log them."""
        check_blocks(state_dict, prefix, search_blocks(self))
        super()._load_from_state_dict(state_dict, prefix, *args)
