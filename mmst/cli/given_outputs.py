"""Looks whether files and folders that the command line names can be written, before any work."""
import argparse
import os
import os.path as osp
import stat
import tempfile
from types import ModuleType

from ..errors import config_error
from ..settings.kept_inputs import keep_inputs
from .given_files import FILES

#: Arguments of all subcommands that name what they write.
OUTPUTS = ('out', 'work_dir', 'show_dir', 'records')
_KINDS = {stat.S_IFIFO: 'pipe', stat.S_IFSOCK: 'socket', stat.S_IFDIR: 'folder',
          stat.S_IFREG: 'file'}
#: Arguments besides ``FILES`` that name what is read.
_OTHER_INPUTS = ('config', 'images', 'boxes', 'table')
#: Endings of the files that ``--name`` names.
_DRAWN = ('.png', '.svg', '.csv')


def check_given_outputs(args: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Refuse places where nothing can be written, and files in the place of folders.

    Raises:
        ConfigError: Naming the argument.
    """
    for action in parser._actions:
        value = getattr(args, action.dest, None)
        if action.dest == 'work_dir' and value is None and not (
                hasattr(args, 'config') or getattr(args, 'dry_run', False)):
            _check('--work-dir', 'work_dirs', 'folder')  # of demos and studies
        only_read = action.dest == 'records' and args.table and osp.isdir(value or '')
        if action.dest in OUTPUTS and value not in (None, '') and not only_read:
            key = action.option_strings[-1] if action.option_strings else action.dest
            _check(key, str(value), *_allowed_kinds(action, args))
    name = getattr(args, 'name', None)  # of files within a folder
    if isinstance(name, str) and osp.basename(name) != name:
        raise config_error('--name', name, 'is a path', 'give a name here, and the folder as --out')
    if isinstance(name, str):
        folder = args.out or osp.dirname(args.tables[0])
        for ending in _DRAWN:
            _check('--name', osp.join(folder, name + ending), 'file')


def name_output(args: argparse.Namespace, module: ModuleType) -> None:
    """Give ``--out`` the default of a subcommand that has one (``default_out``); called once names
    of tickets are paths.
    """
    find = getattr(module, 'default_out', None)
    if find is not None and not args.out:
        args.out = find(args)


def check_kept_inputs(args: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Refuse an ``--out`` that is a file which the subcommand reads; called once names of tickets
    are paths, and outputs have theirs.

    Subcommands themselves look after outputs that a config names, and after folders.

    Raises:
        ConfigError: Naming the argument.
    """
    for action in parser._actions:
        value = getattr(args, action.dest, None)
        if action.dest == 'out' and value is not None:
            key = action.option_strings[-1] if action.option_strings else action.dest
            keep_inputs(key, value, *given_inputs(args))


def given_inputs(args: argparse.Namespace) -> list[str]:
    """Return the paths of what a subcommand reads."""
    values = [getattr(args, name, None) for name in (*FILES, *_OTHER_INPUTS)]
    return [str(path) for value in values for path in (
        value if isinstance(value, list) else [value]) if path is not None]


def _allowed_kinds(action: argparse.Action, args: argparse.Namespace) -> tuple[str, ...]:
    """Return the kinds that may lie there."""
    named = str(action.metavar)
    if named.startswith('FILE') and getattr(args, 'format', None) != 'c':
        return ('file', )
    return ('file', 'folder') if named == 'PATH' else ('folder', )


def _check(key: str, path: str, *wanted: str) -> None:
    try:
        there = _KINDS.get(stat.S_IFMT(os.stat(path).st_mode), 'device')
    except FileNotFoundError:
        _check_place(key, path, osp.dirname(osp.realpath(path)))
    except OSError as error:
        raise config_error(key, path, f'cannot be written ({error.strerror})',
                           'give another path') from None
    else:
        if there not in wanted:
            raise config_error(key, path, f'is a {there}', f'give the path of a {wanted[-1]}')
        _check_place(key, path, osp.dirname(osp.realpath(path)) if there == 'file' else path)


def _check_place(key: str, path: str, folder: str) -> None:
    """Refuse a path below a file, or in a folder where nothing can be written: files are written
    under another name in their folder, and then renamed.
    """
    while not osp.lexists(folder):
        folder = osp.dirname(folder)
    if not osp.isdir(folder):
        raise config_error(key, path, f'{folder} is no folder', 'give another path')
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:  # /proc lets root look as if all could be written there.
        raise config_error(key, path, f'nothing can be written in {folder} ({error.strerror})',
                           'give another path') from None
