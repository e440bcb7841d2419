"""Finds a ticket by its name and makes it ready to predict."""
import difflib
from pathlib import Path
from typing import Any

from ..errors import config_error
from ..tickets import Ticket, hub
from .open import open_ticket
from .predictor import Predictor

#: Tickets that come with the package.
SHIPPED = Path(__file__).parent / 'shipped'


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
    text, path = str(name), Path(name)
    if text.startswith(hub.SCHEME):
        return Ticket.from_pretrained(text, revision, **options)
    if path.is_dir():
        return Ticket.from_pretrained(path)
    if path.is_file():
        return open_ticket(text)
    shipped = {file.stem: file for file in sorted(SHIPPED.glob('*.sparse'))}
    if text in shipped:
        return open_ticket(str(shipped[text]))
    near = difflib.get_close_matches(text, shipped, n=1)
    meant = f' (did you mean {near[0]!r}?)' if near else ''
    raise config_error('name', text, f'no ticket, file or folder of this name{meant}',
                       f'give one of {", ".join(map(repr, shipped))}, a file, a folder, or '
                       '\'hf:user/name\'')
