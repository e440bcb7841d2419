"""``python -m mmst`` is the command ``mmst``."""
from .cli.main import run

if __name__ == '__main__':
    run()
