"""Finds the search blocks in a state dict that is about to be loaded."""
from collections.abc import Iterable, Mapping

from torch import Tensor

from ...search.incoming import check_parts


def check_blocks(state_dict: Mapping[str, Tensor], prefix: str, blocks: Iterable[str]) -> None:
    """Refuse a state that has other search blocks than the paths ``blocks``.

    Raises:
        TicketError: It names the first one; see :func:`~mmst.search.incoming.check_shapes`.
    """
    mark = '.mixconv.'
    found = {key[len(prefix):].partition(mark)[0] for key in state_dict
             if key.startswith(prefix) and mark in key}
    check_parts(state_dict, prefix, sorted(blocks), sorted(found - set(blocks)))
