"""Carries ``mmst seal`` out."""
import argparse

from ..openmmlab.safe_checkpoints import safe_load
from ..tickets import Ticket


def run(args: argparse.Namespace) -> None:
    """Check all that can be checked without a digest, and save with one."""
    Ticket.from_content(args.ticket, safe_load(args.ticket, 'cpu'), unsealed=True).save(args.out)
