"""Run a study: a whole table or figure of the paper, from its declared runs.

STUDY is a file of configs/studies (table1, table2, supplement_table1 to 3, fig2 to fig8) or the
path of another one. Runs that are recorded are not repeated, stopped ones go on.
"""
import argparse

from ..lab.study.main import conduct, find_file
from ..lab.study.spec import parse_study, read_settings
from .places import STUDIES, TOOLS
from .study_arguments import add_study_arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the subcommand."""
    parser.add_argument('study', help='name or path of a study file')
    add_study_arguments(parser)


def run(args: argparse.Namespace) -> None:
    """Read the study file, then conduct it."""
    path = find_file(args.study, STUDIES)
    names = ', '.join(sorted(file.stem for file in STUDIES.glob('*.py')))
    content = read_settings(path, 'STUDY', f'give one of {names}, or the path of a study file')
    conduct(parse_study(path.stem, content), args, TOOLS, STUDIES)
