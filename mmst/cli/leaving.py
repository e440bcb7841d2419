"""Ends a process whose exit code is known."""
import atexit
import os
import sys
from typing import NoReturn

#: Exit codes after SIGINT and SIGTERM.
ASKED = (130, 143)
#: Module that connects processes.
_LAUNCHER = 'mmst.engine.run.launcher'


def leave(code: int) -> NoReturn:
    """End this process; at once where somebody has asked for it and may not wait for long.

    Python takes torch and the toolboxes apart when it ends, which takes seconds. Nothing is lost
    by that: functions registered for the end of a process are called, its output is written.
    """
    if code in ASKED:
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)
    launcher = sys.modules.get(_LAUNCHER)  # --help and its like import none
    if launcher is not None:
        launcher.stop_processes()  # gloo may abort a process that ends while it is connected
    sys.exit(code)
