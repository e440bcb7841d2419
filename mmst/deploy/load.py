"""Makes the ticket of a name ready to predict."""
import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import config_error
from .find import find_ticket
from .predictor import Predictor

_OWN = ('revision', 'engine', 'threads', 'level')


def load(name: str | Path, revision: str | None = None, engine: str = 'auto', threads: int = 1,
         level: float | None = None, **options: Any) -> Predictor:
    """Return a ticket that predicts: ``mmst.load('street-p90')('street.png')``.

    Args:
        name (str | Path): A ticket that comes with mmst, as ``'street-p90'``; a ticket's file
            (``.pth``, ``.sparse``, ``.safetensors``); a folder of ``mmst share``; or
            ``'hf:user/name'``, with or without ``@revision``, on a model hub.
        revision (str, optional): Of the hub.
        engine (str): As of :class:`~mmst.deploy.predictor.Predictor`.
        threads (int): Of the CPU engine. Defaults to 1.
        level (float, optional): Of a family: the sparsity to predict at. Defaults to the loosest.
        options: Of the hub, as ``force_download=True``.

    Raises:
        ConfigError: There is nothing of this name, or no such option.
        TicketError: It cannot be had, is damaged, or has no such level.
    """
    _check_options(options)
    ticket = find_ticket(name, revision, **options)
    return Predictor(ticket if level is None else ticket.at(level), engine, threads)


def _check_options(options: Mapping[str, Any]) -> None:
    """Refuse an option that is written almost as one of :func:`load`'s own."""
    for key, value in options.items():
        near = difflib.get_close_matches(key, _OWN, n=1, cutoff=0.75)
        if near:
            raise config_error(key, value, 'there is no such option', f'use {near[0]}')
