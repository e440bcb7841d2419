"""Run a study: a whole table or figure of the paper, from its declared runs.

STUDY is a file of configs/studies (table1, table2, supplement_table1 to 3, fig2 to fig8) or the
path of another one. Runs that are recorded are not repeated, stopped ones go on.
"""
import sys
import warnings
from pathlib import Path

warnings.filterwarnings('ignore', 'pkg_resources is deprecated')

import mmst  # noqa: F401  first: it prepares OpenMMLab's packages
from mmst import cli
from mmst.lab.study.main import add_arguments, conduct, find_file
from mmst.lab.study.spec import parse_study, read_settings

TOOLS = Path(__file__).resolve().parent
STUDIES = TOOLS.parent / 'configs' / 'studies'


def parse_args(args=None):
    """Read the command line."""
    parser = cli.Parser(prog='study.py', description=__doc__)
    parser.add_argument('study', help='name or path of a study file')
    add_arguments(parser)
    return parser.parse_args(args)


def study(args) -> None:
    """Read the study file, then conduct it."""
    path = find_file(args.study, STUDIES)
    names = ', '.join(sorted(file.stem for file in STUDIES.glob('*.py')))
    content = read_settings(path, 'STUDY', f'give one of {names}, or the path of a study file')
    conduct(parse_study(path.stem, content), args, TOOLS, STUDIES)


def main(args=None) -> int:
    """The tool; returns its exit code."""
    args = parse_args(args)
    return cli.run('study.py', lambda: study(args))


if __name__ == '__main__':
    sys.exit(main())
