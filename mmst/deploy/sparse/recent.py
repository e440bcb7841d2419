"""What is made once for each size of feature map."""
from collections import OrderedDict
from typing import Callable, Hashable, TypeVar

T = TypeVar('T')


def recent(kept: 'OrderedDict[Hashable, T]', key: Hashable, make: Callable[[], T], most: int) -> T:
    """``kept[key]``, made where it is not there; the ``most`` that were used last stay."""
    if key not in kept:
        while len(kept) >= most:
            kept.popitem(last=False)
        kept[key] = make()
    kept.move_to_end(key)
    return kept[key]
