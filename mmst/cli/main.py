"""Finds the subcommand of ``mmst``, lets it read its arguments, and runs it.

Nothing heavy is imported before the arguments are read: help and errors in them need neither torch
nor mmengine.
"""
import argparse
import difflib
import gc
import importlib
import os
import signal
import sys
import warnings
from collections.abc import Sequence
from types import ModuleType
from typing import NoReturn

from ..errors import ConfigError
from ..settings.config_path import find_config
from ..version import __version__
from .given_files import check_given_files
from .given_numbers import check_given_numbers
from .given_outputs import check_given_outputs, check_kept_inputs, name_output
from .given_words import check_given_words
from .parser import Parser

#: The subcommands: modules of this folder, with the descriptions of their arguments.
SUBCOMMANDS = dict(
    train='Train a config: two-in-one search and pruning, or anything else that mmengine trains.',
    test='Evaluate a ticket or a checkpoint on the config\'s test set.',
    prune='Prune a searched network once (S+P) and evaluate it, without training.',
    retrain='Retrain a ticket: architecture and mask from the file, 50 epochs more.',
    transfer='Transfer a ticket\'s features to another data set or task, with a new classifier.',
    lottery='Try a ticket\'s architecture with other masks or weights (supplement, Tables 1 to '
            '3).',
    cost='Count parameters, multiply-adds and memory of a config\'s network or of a ticket.',
    profile='Measure the milliseconds of a network\'s modules, and predict a ticket\'s time.',
    compact='Remove everything dead from a ticket: a smaller file of the same function.',
    export='Write a ticket in another format and check the file against the ticket.',
    share='Write a folder to share, with a ticket and its model card, or put it on a model hub.',
    seal='Rewrite a ticket of format 1, which has no digest. Give only files that you trust.',
    accelerator='Estimate the time of tickets on a sparse accelerator (supplement, Table 4).',
    report='Write one HTML page about a run: timeline, architecture, layers, costs, samples.',
    visualize='Draw predictions of several tickets side by side, on images, videos or validation '
              'data.',
    study='Run a study: a whole table or figure of the paper, from its declared runs.',
    sweep='Sweep one method over pruning ratios: a table, and accuracy against MACs.',
    curves='Draw accuracy against MACs of several studies, or against milliseconds of several '
           'tickets.',
    chance='Score a constant answer on validation data: the most frequent class, the mean pose.',
    demo='Show the life of a SuperTicket in minutes: generate data, train, print the table.',
    generate_data='Write a generated data set in the on-disk format of the real one.',
    metafiles='Rewrite model-index.yml and the metafiles of all configs.',
    launch='Start several processes as torchrun does, but without its report on one-line errors.')

#: Packages without which no subcommand runs.
NEEDED = ('torch', 'torchvision', 'numpy', 'mmengine', 'mmcv', 'cv2')

#: Beginnings of warnings of the toolboxes' own code, which no config can avoid.
NO_NEWS = ('pkg_resources is deprecated', '``build_loss`` would be deprecated',
           'Default ``avg_non_ignore`` is False')


def run() -> NoReturn:
    """Call a subcommand and end the process."""
    from .leaving import leave
    leave(main())


def main(words: Sequence[str] | None = None) -> int:
    """Call a subcommand; returns its exit code.

    Args:
        words (Sequence[str], optional): The command line's, without the command itself.
    """
    name, *rest = [*(sys.argv[1:] if words is None else words)] or ['--help']
    if name == 'help':
        name, *rest = [rest[0], '--help'] if rest else ['--help']
    if name in ('-h', '--help'):
        print(overview())
        return 0
    if name == '--version':
        print(f'mmst {__version__}')
        return 0
    if name.replace('-', '_') in SUBCOMMANDS:
        return call(name.replace('-', '_'), rest, f'mmst {name}')
    near = difflib.get_close_matches(name, SUBCOMMANDS, n=1, cutoff=0.5)
    meant = f'; did you mean {near[0]}?' if near else ''
    print(f'mmst: error: {name!r} is no subcommand{meant} (mmst --help lists them)',
          file=sys.stderr)
    return 2


def overview() -> str:
    """Return the text of ``mmst --help``: a line for each subcommand."""
    width = max(map(len, SUBCOMMANDS))
    lines = [f'  {name:{width}}  {line}' for name, line in SUBCOMMANDS.items()]
    return '\n'.join([
        'usage: mmst SUBCOMMAND [ARGUMENTS]', '',
        'SuperTickets for OpenMMLab: architecture search and pruning in one training run.', '',
        'subcommands:', *lines, '',
        'mmst SUBCOMMAND --help lists its arguments; mmst --version says which version this is.'])


def call(name: str, words: Sequence[str], prog: str) -> int:
    """Run one subcommand; returns its exit code.

    Args:
        name (str): Of ``SUBCOMMANDS``.
        words (Sequence[str]): Its arguments.
        prog (str): The first words of its messages.
    """
    parser = None if name == 'launch' else make_parser(name, prog)  # torchrun reads its own
    try:
        check_given_words(words)
        args = argparse.Namespace() if parser is None else parser.parse_args(words)
        if isinstance(config := getattr(args, 'config', None), str):
            find_config(config, quiet=True)  # before torch is imported, which takes long
        check_given_files(args)
        check_given_numbers(args)
        if parser is not None:
            check_given_outputs(args, parser)
        module = load(name)
    except ConfigError as error:
        if os.environ.get('LOCAL_RANK', '0') == '0':  # as ending does
            print(f'{prog}: error: {error}', file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f'{prog}: ended by SIGINT', file=sys.stderr)
        return 128 + signal.SIGINT
    except ImportError as error:
        said = what_is_missing(error)
        if said is None:
            raise
        print(f'{prog}: error: {said}', file=sys.stderr)
        return 2
    if parser is None:
        return module.main(words)
    from .complete_arguments import complete
    from .ending import end_in_one_line  # it brings all of mmengine
    from .named_tickets import find_named

    def action() -> int | None:
        complete(args, parser)
        find_named(args, name)
        name_output(args, module)
        check_kept_inputs(args, parser)
        return module.run(args)

    return end_in_one_line(prog, action)


def load(name: str) -> ModuleType:
    """Import the module of a subcommand, and with it torch and its other needs."""
    for text in NO_NEWS:
        warnings.filterwarnings('ignore', text)
    collects = gc.isenabled()
    gc.disable()  # What is imported stays: collections would pass over it time and again.
    try:
        return importlib.import_module(f'{__package__}.{name}')
    finally:
        if collects:
            gc.enable()


def make_parser(name: str, prog: str) -> Parser:
    """Return the parser of a subcommand's arguments."""
    module = importlib.import_module(f'{__package__}.arguments.{name}')
    parser = Parser(prog=prog, description=module.__doc__)
    module.add_arguments(parser)
    return parser


def what_is_missing(error: ImportError) -> str | None:
    """Return one line about a package that is not installed; None where the error is a defect."""
    if isinstance(error, ModuleNotFoundError) and error.name in NEEDED:
        return (f'{error.name} is not installed in this Python ({sys.executable}). Remedy: '
                '. .venv/bin/activate, or make setup.')
    return str(error) if 'Remedy: ' in str(error) else None
