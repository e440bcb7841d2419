"""Checks and converts the content of every checkpoint that mmengine reads."""
from typing import Any

from ..errors import TicketError
from ..models.hrnas.coordinate_order import convert
from ..openmmlab.searched_checkpoints import note_search
from ..registry import CHECKPOINT_READERS
from ..search.graph.described import KEY, describing
from .content import FORMAT
from .digest import find_changed_part
from .ticket import Ticket


def check_and_convert(filename: str, content: Any) -> Any:
    """Refuse a file that was changed; bring the weights of older versions into today's order, and
    let those of a searched network tell of it.

    Args:
        filename (str): For the message.
        content: The result of ``torch.load``; it is changed in place.

    Raises:
        TicketError: The file is not as its run has written it.
    """
    check_digests(filename, content)
    content = convert(content)
    if isinstance(content, dict) and (content.get('format') == FORMAT or 'mmst_search' in content):
        channels = describing(content)
        return note_search(content, {} if channels is None else {KEY: channels})
    return content


CHECKPOINT_READERS.register_module(module=check_and_convert)


def check_digests(filename: str, content: Any) -> None:
    """Refuse a ticket or a checkpoint that is not as its run has written it."""
    if not isinstance(content, dict):
        return
    if content.get('format') == FORMAT:
        Ticket.from_content(filename, content)
    changed = find_changed_part(content)
    if changed:
        raise TicketError(f'{filename} was changed after it was written: its {changed} is another. '
                          'Remedy: take another checkpoint of the run, or copy this one again.')
