"""Knows which words name a ticket that is no file here, without importing torch."""
import os.path as osp
from pathlib import Path

#: Tickets that come with the package.
SHIPPED = Path(__file__).parents[1] / 'deploy' / 'shipped'
#: The beginning of names of a model hub.
HUB = 'hf:'
#: The ticket of a folder that is shared.
SHARED = 'ticket.safetensors'


def shipped_tickets() -> dict[str, Path]:
    """Return the files of the tickets that come with the package by their names."""
    return {file.stem: file for file in sorted(SHIPPED.glob('*.sparse'))}


def names_ticket(text: str) -> bool:
    """Say whether a word names a shipped ticket, one on a hub or a folder of ``mmst share``; a
    file of that name goes before.
    """
    if osp.isfile(text):
        return False
    return text.startswith(HUB) or osp.isfile(osp.join(text, SHARED)) or text in shipped_tickets()
