"""Builds the parser of all subcommands."""
import argparse


class Parser(argparse.ArgumentParser):
    """Reports errors in one line."""

    def error(self, message):
        self.exit(2, f'{self.prog}: error: {message} (--help lists all arguments)\n')
