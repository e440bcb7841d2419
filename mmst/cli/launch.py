"""Start several processes as torchrun does, but without its report on one-line errors."""
import logging
import os
import sys
import warnings
from collections.abc import Sequence
from importlib.machinery import PathFinder
from typing import NoReturn

from ..errors import one_line

#: Exit codes of the tools after an error, SIGINT or SIGTERM, which they have reported in one line.
SAID = (2, 130, 143)
#: Bytes of a script.
LONGEST = 1 << 22
HELP = """usage: mmst launch [--nproc-per-node N] [ARGUMENTS] -m mmst SUBCOMMAND ...

Start several processes as torchrun does, but without its report on one-line errors.

All arguments are torchrun's; python -m torch.distributed.run --help lists them."""


def not_said(record: logging.LogRecord) -> bool:
    """Return False for torchrun's own lines about exits in ``SAID`` and about passed signals."""
    text = record.getMessage()
    return not any(f'(exitcode: {code})' in text for code in SAID) and not any(
        words in text for words in ('death signal, shutting down', 'closing signal'))


def main(words: Sequence[str]) -> int:
    """Start the processes and wait for them; returns the exit code of the first that failed.

    Args:
        words (Sequence[str]): As of ``python -m torch.distributed.run``.
    """
    if [*words] in (['-h'], ['--help']):
        print(HELP)
        return 0
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import get_args_parser
    from torch.distributed.run import main as torchrun

    from ..temporary import temporary_folder
    for name in ('agent.server.api', 'multiprocessing.api'):
        logging.getLogger(f'torch.distributed.elastic.{name}').addFilter(not_said)
    try:
        parser = get_args_parser()
        parser.error = _refuse  # type: ignore[method-assign]
        given = parser.parse_args(list(words))
        if not given.no_python:
            _check_script(given.training_script, given.module)
        with temporary_folder('mmst_launch_'):  # torchrun leaves one for logs at every call
            torchrun(list(words))
    except ChildFailedError as error:
        code = error.get_first_failure()[1].exitcode
        if code not in SAID:
            raise
        return code
    except SignalException as error:  # passed on to the processes, which have ended
        return 128 + error.sigval
    except (ValueError, AssertionError, RuntimeError, OSError) as error:
        # Of torchrun itself: the processes have ways of their own to fail.
        said = str(error) or 'numbers of processes must be 1 or more'
        print(f'mmst launch: error: {one_line(said)} (mmst launch --help)', file=sys.stderr)
        return 2
    return 0


def _check_script(script: str, module: bool) -> None:
    """Refuse what Python cannot run, before a process is started for it.

    Raises:
        ValueError: With the reason.
    """
    if module:
        if PathFinder.find_spec(script.partition('.')[0], [os.getcwd(), *sys.path]) is None:
            raise ValueError(f'no module {script} is installed; give -m mmst SUBCOMMAND')
        return
    if not os.path.isfile(script):
        raise ValueError(f'{script} is no file; give a script, or -m mmst SUBCOMMAND')
    from ..files import read_text  # it brings mmengine
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # Each process will say them.
            compile(read_text(script, LONGEST), script, 'exec', dont_inherit=True)
    except (OSError, ValueError, SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError(f'{script} is no Python script ({error}); give one, or --no-python for '
                         'another program') from None


def _refuse(message: str) -> NoReturn:
    """Raise the line that a parser of arguments would print below its usage."""
    raise ValueError(message)
