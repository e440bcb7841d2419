"""Carries ``mmst sweep`` out."""
import argparse

from ..lab.study.main import conduct
from ..lab.study.spec import parse_study, read_settings
from ..lab.study.sweep import sweep_of
from .places import STUDIES, TOOLS


def run(args: argparse.Namespace) -> None:
    """Put the study together, then conduct it."""
    base = {key: value for name in ('catalogue', 'paper') for key, value in read_settings(
        STUDIES / '_base_' / f'{name}.py', 'STUDY', 'restore the file').items()}
    name, content = sweep_of(base, args.method, args.data, args.ratios, args.retrained)
    conduct(parse_study(name, content), args, TOOLS, STUDIES)
