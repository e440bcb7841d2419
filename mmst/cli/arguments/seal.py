"""Rewrite a ticket of format 1, which has no digest. Give only files that you trust."""
import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the subcommand."""
    parser.add_argument('ticket', help='a ticket.pth of format 1')
    parser.add_argument('-o', '--out', metavar='FILE.pth', required=True, help='the new file')
