"""Parameters, multiply-adds and memory of a config's network or of a ticket."""
import json
import os.path as osp
import sys
import warnings

warnings.filterwarnings('ignore', 'pkg_resources is deprecated')

import mmst  # noqa: F401  first: it prepares OpenMMLab's packages
from mmst import cli, files
from mmst.costs.cost import DEFAULT_SHAPE
from mmst.deploy.open import check_shape, open_ticket
from mmst.deploy.ticket_cost import CostReport, config_cost, ticket_costs
from mmst.engine.rehearsal.checks.toolbox import check_toolbox
from mmst.engine.run.retrain import input_shape

DETAIL = ('parts', 'blocks', 'layers')


def parse_args(args=None):
    """Read the command line."""
    parser = cli.Parser(prog='cost.py', description=__doc__)
    parser.add_argument('file', metavar='config_or_ticket', help='CONFIG.py or TICKET.pth')
    parser.add_argument('--shape', type=int, nargs='+', metavar='N',
                        help='height and width of the image; the task\'s by default')
    parser.add_argument('--by', choices=DETAIL, default='parts', help='rows of the table')
    parser.add_argument('--out', metavar='FILE.json', help='write all of it')
    cli.add_import_argument(parser)
    return parser.parse_args(args)


def report(args) -> CostReport:
    """The costs of what the command line names."""
    shape = check_shape(args.shape)
    if osp.splitext(args.file)[1] != '.py':
        return ticket_costs(open_ticket(args.file), shape)
    cfg = cli.read_config(args.file)
    check_toolbox(cfg)
    shape = shape or input_shape(cfg) or DEFAULT_SHAPE
    return CostReport(shape, config_cost(cfg.model, shape, cfg.get('default_scope')))


def show(args) -> None:
    """Print the table, write the file."""
    found = report(args)
    print(found.table(args.by))
    if args.out:
        files.write_bytes(args.out, (json.dumps(found.to_dict(), indent=2) + '\n').encode())


def main(args=None) -> int:
    """The tool; returns its exit code."""
    args = parse_args(args)
    return cli.run('cost.py', lambda: show(args))


if __name__ == '__main__':
    sys.exit(main())
