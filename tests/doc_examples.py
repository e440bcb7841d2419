"""docs/examples as modules; each is imported once, since it registers its classes."""
import functools
import importlib.util
from pathlib import Path

FOLDER = Path(__file__).parents[1] / 'docs' / 'examples'


@functools.lru_cache(maxsize=None)
def example(name):
    """A file of docs/examples, imported."""
    spec = importlib.util.spec_from_file_location(f'docs_example_{name}', FOLDER / f'{name}.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
