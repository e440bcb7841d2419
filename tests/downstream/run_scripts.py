"""Run train scripts one after the other, each in a process of its own.

    python run_scripts.py SCRIPT CONFIG WORK_DIR [SCRIPT CONFIG WORK_DIR ...]

The processes are forked from this one, which has imported packages that all need (and neither mmst
nor a toolbox): that saves a good part of the time that they would take to start. A script is run as
``python SCRIPT CONFIG --work-dir WORK_DIR`` would; what it prints goes to ``WORK_DIR.txt``.
"""
import contextlib
import importlib
import os
import runpy
import sys

#: Modules that take long to import. Some are private to torch, which gets at them sooner or later.
COMMON = ('torchvision', 'mmengine.runner', 'mmcv', 'cv2', 'scipy.stats', 'matplotlib.pyplot',
          'rich.console', 'torch._dynamo', 'torch._refs', 'torch._meta_registrations')
OURS = {'mmst', 'mmseg', 'mmpose', 'mmpretrain', 'mmdet'}


def run(script: str, config: str, work_dir: str) -> int:
    """Run one script; its exit code."""
    process = os.fork()
    if process:
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    log = os.open(f'{work_dir}.txt', os.O_WRONLY | os.O_CREAT, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.argv = [script, config, '--work-dir', work_dir]
    sys.path[0] = os.path.dirname(script)
    code = 1
    try:
        runpy.run_path(script, run_name='__main__')
        code = 0
    except SystemExit as error:
        code = error.code or 0
    except BaseException:
        import traceback
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)


if __name__ == '__main__':
    for name in COMMON:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    assert not OURS & set(sys.modules)
    jobs = sys.argv[1:]
    codes = [run(*jobs[i:i + 3]) for i in range(0, len(jobs), 3)]
    print(*codes)
    sys.exit(any(codes))
