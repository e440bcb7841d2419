"""Puts files in the place of tickets' names on the command line: shipped ones, hubs', folders'."""
import argparse
import hashlib
import os.path as osp
from pathlib import Path

from ..deploy.find import find_file
from ..deploy.open import open_ticket
from ..kernels.native.build import cache_folder
from ..settings.ticket_names import HUB, SHARED, names_ticket
from .given_files import NAMED

#: Subcommands that read tickets, and no sparse files.
NEED_TICKET = ('prune', 'retrain', 'transfer', 'lottery', 'seal')


def find_named(args: argparse.Namespace, subcommand: str) -> None:
    """Replace names by the paths of their files.

    Args:
        args (Namespace): Its values change; ``stem`` becomes the path, without an ending, of what
            the subcommand writes beside the first ticket.
        subcommand (str): Of ``mmst``.

    Raises:
        MMSTError: A ticket cannot be had from the hub.
    """
    for key in NAMED:
        value = getattr(args, key, None)
        if isinstance(value, list):
            args.stem = stem(str(value[0]))
            setattr(args, key, [type(one)(path_of(str(one), subcommand)) for one in value])
        elif value is not None:
            args.stem = getattr(args, 'stem', stem(value))
            setattr(args, key, path_of(value, subcommand))


def path_of(text: str, subcommand: str) -> str:
    """Return the file of a ticket's name, and any other text as it is."""
    if not names_ticket(text):
        return text
    path = find_file(text)
    if path.suffix == '.sparse' and subcommand in NEED_TICKET:
        path = as_ticket(path)
    return str(path)


def stem(text: str) -> str:
    """Return the path of a ticket without its ending; of a name, one in the current folder."""
    if osp.isdir(text):
        return osp.join(text, osp.splitext(SHARED)[0])
    if names_ticket(text):
        return text.removeprefix(HUB).partition('@')[0].rpartition('/')[2]
    return osp.splitext(text)[0]


def as_ticket(path: Path) -> Path:
    """Return a ticket's file that holds what a sparse file does; it is written once and kept."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    file = cache_folder() / 'tickets' / f'{path.stem}_{digest}.pth'
    if not file.is_file():
        open_ticket(str(path)).save(file)
    return file
