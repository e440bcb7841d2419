"""Runs the command ``mmst`` as ``python -m mmst``."""
from .cli.main import run

if __name__ == '__main__':
    run()
