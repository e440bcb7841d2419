"""torchrun, without its report where the processes themselves have said what is wrong."""
import logging
import sys

from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.run import main

#: Exit code of the tools after an error that they have printed in one line.
SAID = 2


def not_said(record: logging.LogRecord) -> bool:
    """False for torchrun's own line about a process that has ended with ``SAID``."""
    return f'(exitcode: {SAID})' not in record.getMessage()


if __name__ == '__main__':
    logging.getLogger('torch.distributed.elastic.multiprocessing.api').addFilter(not_said)
    try:
        main()
    except ChildFailedError as error:
        if error.get_first_failure()[1].exitcode != SAID:
            raise
        sys.exit(SAID)
