"""Checks numbers of the command line, before anything heavy is imported."""
import argparse
import math

from ..errors import config_error

#: Name of an argument to its least and greatest number, of whichever subcommand. NumPy's seeds have
#: 32 bits; more than the greatest of the others is a slip of the pen, and would not end.
BOUNDS = dict(seed=(0, 2**32 - 1), seeds=(0, 2**32 - 1), epochs=(1, 10**6), batches=(1, 10**9),
              samples=(0, 10_000), train=(1, 10**7), val=(1, 10**7), jobs=(1, 1024),
              kernel=(1, 1024), rows=(1, 10**6), columns=(1, 10**6), size=(1, 65535))
#: Lists in which a number counts once.
DISTINCT = ('ratios', 'seeds')


def check_given_numbers(args: argparse.Namespace | None) -> None:
    """Refuse numbers that no subcommand can use.

    Raises:
        ConfigError: Naming the argument.
    """
    for name, given in vars(args).items() if args is not None else ():
        numbers = [number for number in (given if isinstance(given, (list, tuple)) else [given])
                   if type(number) is int]
        low, high = BOUNDS.get(name, (-math.inf, math.inf))
        for number in numbers:
            if not low <= number <= high:
                problem, cure = f'must lie between {low} and {high}', f'use {low} or more'
            elif name in DISTINCT and numbers.count(number) > 1:
                problem, cure = 'is given twice', 'leave one out'
            else:
                continue
            raise config_error(f'--{name}', number, problem, cure)
