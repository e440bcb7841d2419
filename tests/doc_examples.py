"""docs/examples as modules; each is imported once, since it registers its classes."""
import importlib
import sys
from pathlib import Path

FOLDER = Path(__file__).parents[1] / 'docs' / 'examples'


def example(name):
    """A file of docs/examples, imported under its own name, as configs do it."""
    if str(FOLDER) not in sys.path:
        sys.path.append(str(FOLDER))
    return importlib.import_module(name)
