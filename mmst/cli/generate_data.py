"""Write a generated data set in the on-disk format of the real one."""
import argparse
import time

from ..lab.scenes import DATASETS, generate


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the subcommand."""
    parser.add_argument('dataset', help=', '.join(DATASETS))
    parser.add_argument('out', help='folder to make')
    parser.add_argument('--size', type=int, nargs=2, metavar=('H', 'W'), help='pixels')
    parser.add_argument('--train', type=int, metavar='N', help='number of training images')
    parser.add_argument('--val', type=int, metavar='N', help='number of validation images')
    parser.add_argument('--seed', type=int, default=0, metavar='S')
    parser.add_argument('--replace', action='store_true',
                        help='make room where data of other parameters lie')


def run(args: argparse.Namespace) -> None:
    """Generate, and print one line about the result."""
    start = time.perf_counter()
    made = generate(args.dataset, args.out, args.size, args.train, args.val, args.seed,
                    args.replace)
    spent = f'{time.perf_counter() - start:.1f} s' if made.new else 'already there'
    height, width = made.size
    print(f'{args.dataset}: {made.train} train + {made.val} val images of {height}x{width} pixels '
          f'in {made.path} ({spent})')
