"""Carries ``mmst generate_data`` out."""
import argparse
import time

from ..lab.scenes import generate


def run(args: argparse.Namespace) -> None:
    """Generate, and print one line about the result."""
    start = time.perf_counter()
    made = generate(args.dataset, args.out, args.size, args.train, args.val, args.seed,
                    args.replace)
    spent = f'{time.perf_counter() - start:.1f} s' if made.new else 'already there'
    height, width = made.size
    print(f'{args.dataset}: {made.train} train + {made.val} val images of {height}x{width} pixels '
          f'in {made.path} ({spent})')
