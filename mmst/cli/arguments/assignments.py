"""Takes ``KEY=VALUE`` words; mmengine reads their values later."""
import argparse
from typing import Any


class Assignments(list[str]):
    """Holds words ``KEY=VALUE`` as they were given."""

    def read(self) -> dict[str, Any]:
        """Return the keys and their values, as mmengine reads them.

        Raises:
            ValueError: A value's brackets do not match.
        """
        from mmengine.config import DictAction  # imports torch
        found = argparse.Namespace()
        try:
            DictAction(['KEY=VALUE'], 'values')(argparse.ArgumentParser(), found, list(self))
        except AssertionError as error:
            raise ValueError(str(error)) from error
        return found.values


class Assign(argparse.Action):
    """Reads ``--cfg-options KEY=VALUE ...`` as the toolboxes do; words without ``=`` are refused.
    """

    def __call__(self, parser, namespace, values, option_string=None):
        for word in values:
            if '=' not in word:
                parser.error(f'{option_string} {word}: must be KEY=VALUE')
        before = getattr(namespace, self.dest) or ()
        setattr(namespace, self.dest, Assignments([*before, *values]))
