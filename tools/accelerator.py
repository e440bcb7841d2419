"""Time of tickets on a sparse accelerator, in the columns of the paper's supplement, Table 4."""
import sys
import warnings
from pathlib import Path

warnings.filterwarnings('ignore', 'pkg_resources is deprecated')

import mmst  # noqa: F401  first: it prepares OpenMMLab's packages
from mmst import cli
from mmst.analysis.cost import layer_costs, total
from mmst.analysis.sigma import Sigma, network_time, products
from mmst.analysis.table import render
from mmst.deploy.open import check_shape, open_ticket


def parse_args(args=None):
    """Read the command line."""
    parser = cli.Parser(prog='accelerator.py', description=__doc__)
    parser.add_argument('tickets', nargs='+', metavar='TICKET.pth')
    parser.add_argument('--shape', type=int, nargs='+', metavar='N', default=[512, 1024],
                        help='height and width of the image')
    for name, kind, text in (('rows', int, 'of multipliers'), ('columns', int, 'of multipliers'),
                             ('frequency', float, 'cycles a second'),
                             ('bandwidth', float, 'bytes a second from memory'),
                             ('word', int, 'bytes of an operand')):
        parser.add_argument(f'--{name}', type=kind, default=getattr(Sigma, name),
                            help=f'{text}; {getattr(Sigma, name):g} by default')
    parser.add_argument('--layers', action='store_true', help='print the slowest layers, too')
    return parser.parse_args(args)


def main(args=None) -> None:
    """Print the table."""
    args = parse_args(args)
    shape = check_shape(args.shape)
    sigma = Sigma(args.rows, args.columns, args.frequency, bandwidth=args.bandwidth, word=args.word)
    rows, slowest = [], []
    for path in args.tickets:
        ticket = open_ticket(path)
        short = '/'.join(Path(path).absolute().parts[-2:])  # whole paths would not fit a column
        model = ticket.build()
        costs = total(layer_costs(model, shape, ticket.mask))
        dense = {name: kept.new_ones(kept.shape) for name, kept in ticket.mask.items()}
        for label, mask, params, macs in (
                ('searched, dense', dense, 'params', 'macs'),
                (f'ticket, {ticket.sparsity:.0%}', ticket.mask, 'nonzero', 'sparse_macs')):
            seconds, times = network_time(products(model, shape, mask), sigma)
            rows.append((f'{short}: {label}', f'{costs[params] / 1e6:.3f}',
                         f'{costs[macs] / 1e9:.4f}', 'not measured', f'{1000 * seconds:.2f}'))
        slowest += sorted(times, key=lambda t: -t.seconds)[:10]
    title = (f'{shape[0]}x{shape[1]}; {sigma.rows}x{sigma.columns} multipliers, '
             f'{sigma.frequency / 1e6:g} MHz, {sigma.bandwidth / 1e9:g} GB/s (model of SIGMA)')
    print(render(title, ['network', 'params (M)', 'FLOPs (GMACs)', 'GPU FPS', 'accelerator (ms)'],
                 rows, width=120))
    if args.layers:
        print(render('slowest layers of each ticket', ['layer', 'computing (ms)', 'memory (ms)'],
                     [(t.name, f'{1000 * t.computing:.4f}', f'{1000 * t.memory:.4f}')
                      for t in slowest], width=120))


if __name__ == '__main__':
    sys.exit(cli.run('accelerator.py', main))
