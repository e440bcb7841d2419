"""Write a generated data set in the on-disk format of the real one."""
import argparse
import sys
import time

from mmst.errors import MMSTError
from mmst.lab.scenes import DATASETS, generate


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message):
        self.exit(2, f'{self.prog}: error: {message} (--help lists all arguments)\n')


def parse_args(args=None):
    """Read the command line."""
    parser = _Parser(description=__doc__)
    parser.add_argument('dataset', help=', '.join(DATASETS))
    parser.add_argument('out', help='folder to make')
    parser.add_argument('--size', type=int, nargs=2, metavar=('H', 'W'), help='pixels')
    parser.add_argument('--train', type=int, metavar='N', help='number of training images')
    parser.add_argument('--val', type=int, metavar='N', help='number of validation images')
    parser.add_argument('--seed', type=int, default=0, metavar='S')
    parser.add_argument('--replace', action='store_true',
                        help='make room where data of other parameters lie')
    return parser.parse_args(args)


def main(args=None):
    """Generate, and say in one line what is where."""
    args = parse_args(args)
    start = time.perf_counter()
    try:
        made = generate(args.dataset, args.out, args.size, args.train, args.val, args.seed,
                        args.replace)
    except MMSTError as error:
        print(f'generate_data.py: error: {error}', file=sys.stderr)
        return 2
    spent = f'{time.perf_counter() - start:.1f} s' if made.new else 'already there'
    height, width = made.size
    print(f'{args.dataset}: {made.train} train + {made.val} val images of {height}x{width} pixels '
          f'in {made.path} ({spent})')
    return 0


if __name__ == '__main__':
    sys.exit(main())
