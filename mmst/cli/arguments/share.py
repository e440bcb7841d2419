"""Write a folder to share, with a ticket and its model card, or put it on a model hub."""
import argparse

from .common import add_import_argument


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the subcommand."""
    parser.add_argument('ticket', help='TICKET.pth, .sparse or .safetensors of a finished run; its '
                        'metrics are those of the .json of its name')
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument('-o', '--out', metavar='FOLDER', help='write the folder there')
    place.add_argument('--to', metavar='USER/NAME',
                       help='put it on the hub; made where there is none (first: hf auth login)')
    parser.add_argument('--private', action='store_true', help='with --to: a new one is private')
    parser.add_argument('--revision', metavar='BRANCH', help='with --to: a branch that exists')
    parser.add_argument('--no-timing', action='store_true',
                        help='do not measure milliseconds on this machine')
    add_import_argument(parser)
