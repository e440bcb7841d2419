"""Carries ``mmst study`` out."""
import argparse

from ..lab.study.main import conduct, find_file
from ..lab.study.spec import parse_study, read_settings
from .places import STUDIES, TOOLS


def run(args: argparse.Namespace) -> None:
    """Read the study file, then conduct it."""
    path = find_file(args.study, STUDIES)
    names = ', '.join(sorted(file.stem for file in STUDIES.glob('*.py')))
    content = read_settings(path, 'STUDY', f'give one of {names}, or the path of a study file')
    conduct(parse_study(path.stem, content), args, TOOLS, STUDIES)
