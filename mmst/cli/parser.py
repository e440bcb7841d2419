"""Builds the parser of all subcommands."""
import argparse

from ..errors import one_line


class Parser(argparse.ArgumentParser):
    """Reports errors in one line."""

    def error(self, message):
        self.exit(2, f'{self.prog}: error: {one_line(message)} (--help lists all '
                     'arguments)\n')
