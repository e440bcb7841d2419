"""Ends a subcommand: exit codes, and errors in one line."""
import errno
import re
import signal
import sys
from collections.abc import Callable

from ..engine.run.launcher import local_rank
from ..engine.run.stop import Stopped
from ..errors import MMSTError, one_line

#: With which the system refuses to write: no defect, wherever they are raised.
REFUSALS = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENAMETOOLONG,
            errno.ENOTDIR, errno.ELOOP, errno.EFBIG)


def end_in_one_line(tool: str, action: Callable[[], int | None]) -> int:
    """Call ``action`` and return the exit code.

    Errors that the user can act on end here, as one line; of several processes on a machine the
    first one prints it. So do refusals of the system, Ctrl-C and, where a run is at work, SIGTERM.
    Anything else is a defect and keeps its traceback.
    """
    try:
        return action() or 0
    except Stopped as stopped:
        if not stopped.reported and local_rank() == 0:
            print(f'{tool}: ended by {stopped.name}', file=sys.stderr, flush=True)
        return 128 + stopped.number
    except KeyboardInterrupt:
        if local_rank() == 0:
            print(f'{tool}: ended by SIGINT', file=sys.stderr, flush=True)
        return 128 + signal.SIGINT
    except MMSTError as error:
        if local_rank() == 0:
            print(f'{tool}: error: {message_of(error)}', file=sys.stderr, flush=True)
        return 2
    except OSError as error:
        if error.errno not in REFUSALS:
            raise
        if local_rank() == 0:
            where = 'a file' if error.filename is None else error.filename
            print(f'{tool}: error: {one_line(f"{where}: {error.strerror}")}. Remedy: make room '
                  'there, let it be written, or work elsewhere.', file=sys.stderr, flush=True)
        return 2


def message_of(error: Exception) -> str:
    """Return the message as one line, without the class names that registries put before."""
    return one_line(re.sub(r'^(class `\w+` in \S+\.py: )+', '', str(error)))
