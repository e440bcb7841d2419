"""Adds arguments that several subcommands have in common."""
import argparse

from .assignments import Assign

LAUNCHERS = ('none', 'pytorch', 'slurm')


def add_import_argument(parser: argparse.ArgumentParser) -> None:
    """Add ``--import MODULE`` of the tools that open tickets; it may be given several times."""
    parser.add_argument('--import', action='append', metavar='MODULE', dest='imports', default=[],
                        help='import a module of your own first: the one that defines or registers '
                        'names in a ticket or in this call')


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that ``mmst train`` and ``mmst test`` share with the toolboxes' tools."""
    add_import_argument(parser)
    parser.add_argument('--work-dir', metavar='DIR',
                        help='folder of logs and results; work_dirs/NAME_OF_CONFIG by default')
    parser.add_argument(
        '--cfg-options', nargs='+', action=Assign, metavar='KEY=VALUE',
        help='settings that replace the config\'s, e.g. default_hooks.prune.sparsity=0.5 or '
        'key="[(a,b),(c,d)]" (with quotation marks and without spaces)')
    parser.add_argument('--launcher', choices=LAUNCHERS, default='none',
                        help='launcher of the processes; the .sh tools set it')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)


def add_rehearsal_argument(parser: argparse.ArgumentParser) -> None:
    """Add the argument of tools that train."""
    parser.add_argument('--no-rehearsal', action='store_true',
                        help='start without trying the first step and evaluation beforehand')
