"""Collects words ``KEY=VALUE``; mmengine, which imports torch, reads their values later."""
import argparse


class Assignments(list[str]):
    """Holds words ``KEY=VALUE`` whose values have not been read yet."""


class Assign(argparse.Action):
    """Reads ``--cfg-options KEY=VALUE ...`` as the toolboxes do; words without ``=`` are refused.
    """

    def __call__(self, parser, namespace, values, option_string=None):
        for word in values:
            if '=' not in word:
                parser.error(f'{option_string} {word}: must be KEY=VALUE')
        before = getattr(namespace, self.dest) or ()
        setattr(namespace, self.dest, Assignments([*before, *values]))
