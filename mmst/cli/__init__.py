"""What the command line tools share: arguments, reading configs, processes, and how errors end."""
import argparse
import atexit
import datetime
import gc
import importlib
import os
import os.path as osp
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.config import Config, DictAction

from ..engine.rehearsal.checks.toolbox import missing_toolbox
from ..engine.run.stop import Stopped
from ..errors import MMSTError, config_error, one_line

LAUNCHERS = ('none', 'pytorch', 'slurm')
#: Hooks that mmengine's Runner has of itself.
RUNNER_HOOKS = ('runtime_info', 'timer', 'sampler_seed', 'logger', 'param_scheduler', 'checkpoint')


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message):
        self.exit(2, f'{self.prog}: error: {message} (--help lists all arguments)\n')


class Options(DictAction):
    """``--cfg-options KEY=VALUE ...`` as in the toolboxes; words without ``=`` are refused."""

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
                        'what a ticket, or this call, names')


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments that train.py and test.py have in common with the toolboxes' tools."""
    add_import_argument(parser)
    parser.add_argument('--work-dir', metavar='DIR',
                        help='folder of logs and results; work_dirs/NAME_OF_CONFIG by default')
    parser.add_argument(
        '--cfg-options', nargs='+', action=Options, metavar='KEY=VALUE',
        help='settings that replace the config\'s, e.g. default_hooks.prune.sparsity=0.5 or '
        'key="[(a,b),(c,d)]" (with quotation marks and without spaces)')
    parser.add_argument('--launcher', choices=LAUNCHERS, default='none',
                        help='what has started the processes; the .sh tools set it')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)


def add_rehearsal_argument(parser: argparse.ArgumentParser) -> None:
    """The argument of tools that train."""
    parser.add_argument('--no-rehearsal', action='store_true',
                        help='start without trying the first step and evaluation beforehand')


def run(tool: str, main: Callable[[], None]) -> int:
    """Call ``main`` and return the exit code.

    Errors that the user can act on end here, as one line; of several processes on a machine the
    first one prints it. So do Ctrl-C and, where a run is at work, SIGTERM. Anything else is a
    defect and keeps its traceback.
    """
    try:
        main()
    except Stopped as stopped:
        if not stopped.told and local_rank() == 0:
            print(f'{tool}: ended by {stopped.name}', file=sys.stderr, flush=True)
        # Whoever asked may not wait for Python to look through all objects once more.
        atexit.register(gc.freeze)
        return stopped.code
    except KeyboardInterrupt:
        if local_rank() == 0:
            print(f'{tool}: ended by SIGINT', file=sys.stderr, flush=True)
        return 128 + signal.SIGINT
    except MMSTError as error:
        if local_rank() == 0:
            print(f'{tool}: error: {message_of(error)}', file=sys.stderr, flush=True)
        return 2
    return 0


def message_of(error: Exception) -> str:
    """The message as one line, without the class names that registries put before."""
    return one_line(re.sub(r'^(class `\w+` in \S+\.py: )+', '', str(error)))


@contextmanager
def waiting(what: str, every: float = 15.) -> Iterator[None]:
    """Say what takes long, and from time to time for how long already."""
    out, begin, done = sys.stdout, time.monotonic(), threading.Event()

    def tell() -> None:
        while not done.wait(every):
            print(f'... {time.monotonic() - begin:.0f} s', file=out, flush=True)

    print(what, file=out, flush=True)
    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        done.set()
        teller.join()


# ----------------------------------------------------------------------------------- configs


def read_config(path: str, options: Mapping[str, Any] | None = None) -> Config:
    """Read a config file and put ``options`` into it.

    Raises:
        ConfigError: The file is not there, cannot be read, or needs a toolbox that is missing.
    """
    if not osp.isfile(path):
        raise config_error('CONFIG', path, 'no such file',
                           'give a config, e.g. configs/st_hrnas_cityscapes_p90.py')
    folder = osp.dirname(osp.abspath(path))
    if folder not in sys.path:  # custom_imports may name files beside the config
        sys.path.append(folder)
    try:
        cfg = Config.fromfile(path)
    except MMSTError:
        raise
    except Exception as error:  # Reading runs the file: anything can be wrong with it.
        raise missing_toolbox(error) or config_error(
            'CONFIG', path, f'cannot be read ({type(error).__name__}: {error})',
            'correct the file or its _base_') from error
    if 'model' not in cfg:
        raise config_error('CONFIG', path, 'describes no model',
                           'give a whole config, e.g. configs/st_hrnas_cityscapes_p90.py')
    merge_options(cfg, options or {})
    return cfg


def merge_options(cfg: Config, options: Mapping[str, Any]) -> None:
    """Put settings into a config, each by its dotted key.

    Raises:
        ConfigError: The config has no place for one of them.
    """
    for key, value in options.items():
        try:
            cfg.merge_from_dict({key: value})
        except (KeyError, TypeError, IndexError, AttributeError, AssertionError) as error:
            raise config_error(f'--cfg-options {key}', value, f'does not fit the config ({error})',
                               'take the key as it stands in the config') from error


def set_work_dir(cfg: Config, args: argparse.Namespace) -> None:
    """The command line's, else the config's, else one named after the config file.

    Raises:
        ConfigError: There is a file of that name.
    """
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = osp.join('./work_dirs', osp.splitext(osp.basename(args.config))[0])
    if osp.exists(cfg.work_dir) and not osp.isdir(cfg.work_dir):
        raise config_error('work_dir', cfg.work_dir, 'is a file', 'give a folder as --work-dir')


def check_writable(work_dir: str) -> None:
    """Refuse a work directory in which no file can be written.

    Raises:
        ConfigError: With the system's reason.
    """
    try:
        os.makedirs(work_dir, exist_ok=True)
        with tempfile.TemporaryFile(dir=work_dir):
            pass
    except OSError as error:
        raise config_error('work_dir', work_dir, f'cannot be written ({error.strerror})',
                           'give another --work-dir') from error


def complete(cfg: Config) -> None:
    """What the toolboxes' tools set, and configs rely on.

    Hooks that the config has switched off with None are left out; mmengine does this itself for its
    own only.
    """
    for name, hook in list(cfg.get('default_hooks', {}).items()):
        if hook is None and name not in RUNNER_HOOKS:
            del cfg.default_hooks[name]
    if cfg.get('default_scope') != 'mmpretrain':
        return
    for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        if cfg.get(name) is not None:
            cfg[name].setdefault('collate_fn', dict(type='default_collate'))
            cfg[name].setdefault('pin_memory', torch.cuda.is_available())
            cfg[name].setdefault('persistent_workers', cfg[name].get('num_workers', 0) > 0)


# --------------------------------------------------------------------------------- processes


def set_launcher(cfg: Config, args: argparse.Namespace) -> None:
    """Note the launcher; make slurm's variables torch's.

    Raises:
        ConfigError: No launcher has started this process.
    """
    cfg.launcher = args.launcher
    needed = dict(pytorch=('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'MASTER_ADDR', 'MASTER_PORT'),
                  slurm=('SLURM_PROCID', 'SLURM_NTASKS', 'SLURM_NODELIST'), none=())
    if args.launcher == 'pytorch':
        os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    for name in needed[args.launcher]:
        if name not in os.environ:
            raise config_error('--launcher', args.launcher, f'{name} is not set',
                               'start several processes with the tools dist_*.sh or slurm_*.sh')
    if args.launcher == 'slurm':
        os.environ.update(
            RANK=os.environ['SLURM_PROCID'], WORLD_SIZE=os.environ['SLURM_NTASKS'],
            LOCAL_RANK=os.environ.get('SLURM_LOCALID', '0'))


def local_rank() -> int:
    """Number of this process on its machine."""
    return int(os.environ.get('LOCAL_RANK', 0))


def world_size(cfg: Config) -> int:
    """Number of processes of the run."""
    return 1 if cfg.get('launcher', 'none') == 'none' else int(os.environ['WORLD_SIZE'])


def start_processes(cfg: Config) -> None:
    """Connect the processes where there is no GPU; mmengine's own start needs one each."""
    if cfg.launcher == 'none' or torch.cuda.is_available():
        return
    if cfg.launcher == 'slurm':
        os.environ.setdefault('MASTER_PORT', '29500')
        os.environ.setdefault('MASTER_ADDR', subprocess.getoutput(
            f'scontrol show hostname {os.environ["SLURM_NODELIST"]} | head -n1'))
    if not torch.distributed.is_initialized():
        timeout = cfg.get('env_cfg', {}).get('dist_cfg', {}).get('timeout')
        limit = {} if timeout is None else dict(timeout=datetime.timedelta(seconds=timeout))
        torch.distributed.init_process_group('gloo', **limit)
    if cfg.get('model_wrapper_cfg') is None:
        cfg.model_wrapper_cfg = dict(
            type='MMDistributedDataParallel', device_ids=None, broadcast_buffers=False,
            find_unused_parameters=cfg.get('find_unused_parameters', False))


def stop_processes() -> None:
    """Disconnect the processes at the end of a run."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
