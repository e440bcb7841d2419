"""Finds a ticket by its name and makes it ready to predict."""
import difflib
from pathlib import Path
from typing import Any

from ..errors import config_error
from ..settings.ticket_names import HUB, shipped_tickets
from ..tickets import Ticket, hub
from .open import open_ticket
from .predictor import Predictor


def load(name: str | Path, revision: str | None = None, engine: str = 'auto', threads: int = 1,
         **options: Any) -> Predictor:
    """Return a ticket that predicts: ``mmst.load('street-p90')('street.png')``.

    Args:
        name (str | Path): A ticket that comes with mmst, as ``'street-p90'``; a ticket's file
            (``.pth``, ``.sparse``, ``.safetensors``); a folder of ``mmst share``; or
            ``'hf:user/name'``, with or without ``@revision``, on a model hub.
        revision (str, optional): Of the hub.
        engine (str): As of :class:`~mmst.deploy.predictor.Predictor`.
        threads (int): Of the CPU engine. Defaults to 1.
        options: Of the hub, as ``force_download=True``.

    Raises:
        ConfigError: There is nothing of this name.
        TicketError: It cannot be had, or is damaged.
    """
    return Predictor(find_ticket(name, revision, **options), engine, threads)


def find_ticket(name: str | Path, revision: str | None = None, **options: Any) -> Ticket:
    """Return the ticket of a name; arguments and errors as of :func:`load`."""
    if str(name).startswith(HUB) or Path(name).is_dir():
        return Ticket.from_pretrained(name, revision, **options)
    return open_ticket(str(find_file(name)))


def find_file(name: str | Path, revision: str | None = None, **options: Any) -> Path:
    """Return the file of a ticket's name; arguments and errors as of :func:`load`."""
    text, path = str(name), Path(name)
    if text.startswith(HUB) or path.is_dir():
        return hub.find(text, revision, **options)
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
