"""Keeps objects that are made once for each size of feature map."""
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TypeVar

T = TypeVar('T')


def recent(kept: 'OrderedDict[Hashable, T]', key: Hashable, make: Callable[[], T], most: int) -> T:
    """Return ``kept[key]``, made if it is not there; the ``most`` that were used last stay."""
    found = kept.pop(key, None)
    if found is None:
        found = make()
    kept[key] = found
    while len(kept) > most:  # another thread may be at it, too
        try:
            kept.popitem(last=False)
        except KeyError:
            break
    return found
