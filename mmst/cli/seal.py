"""Carries ``mmst seal`` out."""
import argparse

from ..openmmlab.safe_checkpoints import safe_load
from ..tickets import Ticket


def run(args: argparse.Namespace) -> None:
    """Check a file as far as possible without a digest, and save it with one."""
    Ticket.from_content(args.ticket, safe_load(args.ticket, 'cpu'), unsealed=True).save(args.out)
