"""Write a ticket of format 1, which has no digest, anew. Give only files that you trust."""
import sys
import warnings

warnings.filterwarnings('ignore', 'pkg_resources is deprecated')

import mmst  # noqa: F401  first: it prepares OpenMMLab's packages
from mmst import cli
from mmst.openmmlab.compat import safe_load
from mmst.tickets import Ticket


def parse_args(args=None):
    """Read the command line."""
    parser = cli.Parser(prog='seal.py', description=__doc__)
    parser.add_argument('ticket', help='a ticket.pth of format 1')
    parser.add_argument('-o', '--out', metavar='FILE.pth', required=True, help='the new file')
    return parser.parse_args(args)


def run(args) -> None:
    """Check all that can be checked without a digest, and save with one."""
    Ticket.from_content(args.ticket, safe_load(args.ticket, 'cpu'), unsealed=True).save(args.out)


if __name__ == '__main__':
    arguments = parse_args()
    sys.exit(cli.run('seal.py', lambda: run(arguments)))
