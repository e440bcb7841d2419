"""Ends a process whose exit code is known."""
import atexit
import os
import sys
import threading
from typing import NoReturn

#: Exit codes after SIGINT and SIGTERM.
ASKED = (130, 143)
#: Module that connects processes.
_LAUNCHER = 'mmst.engine.run.launcher'


def leave(code: int) -> NoReturn:
    """End this process; at once where Python's own way would be slow or unsafe.

    Python takes torch and the toolboxes apart when it ends. That takes seconds, which somebody who
    has asked for the end may not wait. Of several connected processes it may abort one: threads of
    gloo free tensors of Python's after the interpreter has stopped. Nothing is lost without it:
    threads at work are waited for, functions registered for the end of a process are called, and
    its output is written.
    """
    if code not in ASKED:
        launcher = sys.modules.get(_LAUNCHER)  # --help and its like import none
        if launcher is None or 'RANK' not in os.environ:
            sys.exit(code)
        launcher.stop_processes()
        threading._shutdown()  # type: ignore[attr-defined]  # it waits as Python does at its end
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)
