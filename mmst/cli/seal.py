"""Rewrite a ticket of format 1, which has no digest. Give only files that you trust."""
import argparse

from ..openmmlab.safe_checkpoints import safe_load
from ..tickets import Ticket


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the subcommand."""
    parser.add_argument('ticket', help='a ticket.pth of format 1')
    parser.add_argument('-o', '--out', metavar='FILE.pth', required=True, help='the new file')


def run(args: argparse.Namespace) -> None:
    """Check all that can be checked without a digest, and save with one."""
    Ticket.from_content(args.ticket, safe_load(args.ticket, 'cpu'), unsealed=True).save(args.out)
