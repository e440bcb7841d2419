"""Finds the modules that a name with wildcards stands for."""
from fnmatch import fnmatch


def covers(pattern: str, name: str) -> bool:
    """Return whether ``pattern`` names the module ``name`` or one that it lies in."""
    return fnmatch(name, pattern) or fnmatch(name, f'{pattern}.*')
