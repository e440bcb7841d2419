"""Finds a ticket by its name."""
import difflib
from pathlib import Path
from typing import Any

from ..errors import config_error
from ..settings.ticket_names import HUB, shipped_tickets
from ..tickets import Ticket, hub
from .open import open_ticket


def find_ticket(name: str | Path, revision: str | None = None, **options: Any) -> Ticket:
    """Return the ticket of a name; arguments and errors as of :func:`mmst.deploy.load.load`."""
    if str(name).startswith(HUB) or Path(name).is_dir():
        return Ticket.from_pretrained(name, revision, **options)
    return open_ticket(str(find_file(name, revision, **options)))


def find_file(name: str | Path, revision: str | None = None, **options: Any) -> Path:
    """Return the file of a ticket's name; arguments and errors as of :func:`find_ticket`."""
    text, path = str(name), Path(name)
    if text.startswith(HUB) or path.is_dir():
        return hub.find(text, revision, **options)
    hub.refuse_options(text, revision, options)
    if path.is_file():
        return path
    shipped = shipped_tickets()
    if text in shipped:
        return shipped[text]
    near = difflib.get_close_matches(text, shipped, n=1)
    meant = f' (did you mean {near[0]!r}?)' if near else ''
    raise config_error('name', text, f'no ticket, file or folder of this name{meant}',
                       f'give one of {", ".join(map(repr, shipped))}, a file, a folder, or '
                       '\'hf:user/name\'')
