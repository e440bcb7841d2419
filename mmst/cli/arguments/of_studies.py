"""Adds the arguments of the subcommands that run studies."""
import argparse
from pathlib import Path

from .assignments import Assign


def add_study_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of all subcommands that run studies."""
    parser.add_argument('--size', default='full', metavar='NAME',
                        help='full (default), demo (generated data), camvid, or a size file')
    parser.add_argument('--seeds', type=int, nargs='+', metavar='S',
                        help='the study\'s by default')
    parser.add_argument('--only', nargs='+', metavar='RUN', default=(),
                        help='these rows alone, with their needs; patterns such as *.st_p90')
    parser.add_argument('--jobs', type=int, metavar='N',
                        help='runs side by side; one a GPU by default, and one without')
    parser.add_argument('--work-dir', type=Path, metavar='DIR',
                        help='of the runs; work_dirs/studies/SIZE by default')
    parser.add_argument('--records', type=Path, metavar='DIR',
                        help='results of finished runs, which are not repeated; records/ in the '
                        'work dir by default')
    parser.add_argument('--out', type=Path, metavar='DIR',
                        help='tables and figures; tables/ in the work dir by default')
    parser.add_argument('--rerun-changed', action='store_true',
                        help='do runs again whose settings have changed')
    parser.add_argument('--table', action='store_true', help='fill the table; run nothing')
    parser.add_argument('--dry-run', action='store_true', help='list the runs that are left')
    parser.add_argument('--cfg-options', nargs='+', action=Assign, metavar='KEY=VALUE',
                        help='settings that replace those of all configs')
