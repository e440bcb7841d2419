"""Run a study: a whole table or figure of the paper, from its declared runs.

STUDY is a file of configs/studies (table1, table2, supplement_table1 to 3, fig2 to fig8) or the
path of another one. Runs that are recorded are not repeated, stopped ones go on.
"""
import argparse

from .of_studies import add_study_arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the subcommand."""
    parser.add_argument('study', help='name or path of a study file')
    add_study_arguments(parser)
