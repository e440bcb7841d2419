"""Looks whether files and folders that the command line names are there, before torch is imported.
"""
import argparse
import difflib
import os.path as osp
from glob import escape, glob

from ..errors import config_error
from ..settings.ticket_names import names_ticket, shipped_tickets
from .places import STUDIES

#: Arguments of all subcommands that name files to read, with the file that each asks for.
FILES = dict(ticket='a ticket.pth', tickets='tickets', checkpoint='a ticket or a checkpoint',
             file='a ticket.pth', from_checkpoint='the last epoch_N.pth of the run',
             neck_ticket='the ticket.pth of the neck', tables='tables of studies')
#: Those that tickets' names may stand for.
NAMED = tuple(name for name in FILES if name != 'from_checkpoint')


def check_given_files(args: argparse.Namespace) -> None:
    """Refuse files that are not there; addresses (``https://…``) are left to whoever loads them.

    Raises:
        ConfigError: Naming the first one, and one of a similar name in its folder.
    """
    for name, wanted in FILES.items():
        value = getattr(args, name, None)
        for path in value if isinstance(value, list) else [value]:
            if path is not None and not osp.isfile(path) and not (
                    _is_found_elsewhere(str(path)) or (name in NAMED and names_ticket(str(path)))):
                _refuse(name, str(path), wanted)
    study = getattr(args, 'study', None)
    if study is not None and not osp.isfile(study) and not osp.isfile(STUDIES / f'{study}.py'):
        names = sorted(file.stem for file in STUDIES.glob('*.py'))
        near = difflib.get_close_matches(study, names, n=1) or names
        raise config_error('STUDY', study, 'no such file', f'give a study, e.g. {near[0]}, or the '
                           f'path of a study file; there are {", ".join(names)}')
    _check_folders(args)
    run = getattr(args, 'run_folder', None)
    if run is not None and not osp.isdir(run):
        problem = 'this is a file' if osp.exists(run) else 'no such folder'
        raise config_error('WORK_DIR', run, problem, 'give the work directory of a training run')


def _check_folders(args: argparse.Namespace) -> None:
    """Refuse a root that is no folder, and records that are no folder though they are there."""
    root, records = getattr(args, 'root', None), getattr(args, 'records', None)
    if root is not None and not osp.isdir(root):
        problem = 'this is no folder' if osp.exists(root) else 'no such folder'
        raise config_error('--root', str(root), problem, 'give the folder of a '
                           'checkout, or an empty one')
    rewind = getattr(args, 'rewind_dir', None)
    if rewind is not None and not osp.isdir(rewind):
        raise config_error('--rewind-dir', rewind, 'no such folder', 'give the folder rewind of '
                           'the run that the ticket comes from')
    if records is not None and osp.exists(records) and not osp.isdir(records):
        raise config_error('--records', str(records), 'this is no folder', 'give the folder of '
                           'records of finished runs, or a new one')


def _is_found_elsewhere(path: str) -> bool:
    """Say whether it is an address, or a config, which may be one that comes with the package."""
    return '://' in path or path.endswith('.py')


def _refuse(name: str, path: str, wanted: str) -> None:
    problem = 'this is a folder' if osp.isdir(path) else 'no such file'
    folder = path if osp.isdir(path) else osp.dirname(path)
    there = sorted(osp.basename(file) for file in glob(osp.join(escape(folder), '*'))
                   if osp.isfile(file))
    near = difflib.get_close_matches(osp.basename(path), there, n=1, cutoff=0.7)
    near = near or [name for name in there if name == 'ticket.pth']
    known = shipped_tickets() if name in NAMED else ()
    named = difflib.get_close_matches(path, known, n=1, cutoff=0.7)
    meant = (f', e.g. {osp.join(folder, near[0])}' if near else
             f', or the name {named[0]!r} of one that comes with mmst' if named else '')
    raise config_error(name.replace('_', '-'), path, problem, f'give the path of {wanted}{meant}')
