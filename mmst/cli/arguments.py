"""Adds arguments that several subcommands have in common, and refuses wrong ones."""
import argparse
import importlib
import os
import sys

from mmengine.config import DictAction

from ..errors import one_line

LAUNCHERS = ('none', 'pytorch', 'slurm')


class Options(DictAction):
    """Reads ``--cfg-options KEY=VALUE ...`` as the toolboxes do; words without ``=`` are refused.
    """

    def __call__(self, parser, namespace, values, option_string=None):
        for word in values:
            if '=' not in word:
                parser.error(f'{option_string} {word}: must be KEY=VALUE')
        super().__call__(parser, namespace, values, option_string)


class Import(argparse.Action):
    """``--import MODULE``: import a module of the user's own, from the current folder, too."""

    def __call__(self, parser, namespace, values, option_string=None):
        if os.getcwd() not in sys.path:
            sys.path.append(os.getcwd())
        try:
            importlib.import_module(values)
        except Exception as error:  # Importing runs the file: anything can be wrong with it.
            parser.error(f'{option_string} {values}: cannot be imported '
                         f'({type(error).__name__}: {one_line(error, 200)})')


def add_import_argument(parser: argparse.ArgumentParser) -> None:
    """``--import MODULE`` of the tools that open tickets; it may be given several times."""
    parser.add_argument('--import', action=Import, metavar='MODULE', dest='imports',
                        help='import a module of your own first: the one that defines or registers '
                        'names in a ticket or in this call')


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that train.py and test.py have in common with the toolboxes' tools."""
    add_import_argument(parser)
    parser.add_argument('--work-dir', metavar='DIR',
                        help='folder of logs and results; work_dirs/NAME_OF_CONFIG by default')
    parser.add_argument(
        '--cfg-options', nargs='+', action=Options, metavar='KEY=VALUE',
        help='settings that replace the config\'s, e.g. default_hooks.prune.sparsity=0.5 or '
        'key="[(a,b),(c,d)]" (with quotation marks and without spaces)')
    parser.add_argument('--launcher', choices=LAUNCHERS, default='none',
                        help='launcher of the processes; the .sh tools set it')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)


def add_rehearsal_argument(parser: argparse.ArgumentParser) -> None:
    """Add the argument of tools that train."""
    parser.add_argument('--no-rehearsal', action='store_true',
                        help='start without trying the first step and evaluation beforehand')
