"""Measures described content; parts that are shared count as often as they appear."""
from typing import Any

#: Texts and tensors together may come to so many times the file's bytes: tied weights are stored
#: once and appear twice.
SHARING = 8
#: Tiny files share more: metadata name the same texts again and again.
ROOM = 1 << 20
#: Python's own functions descend into content by recursion.
DEPTH = 100
#: Bits of numbers as keys: larger ones, and larger pairs, can be chosen to have one hash.
_KEY_BITS, _PAIR_BITS = 63, 16


class Unsafe(ValueError):
    """Says that a file could take more memory or time than its size allows for."""


class Node(list):
    """Holds a pickled object: a container with its items, or an object with its parts.

    Attributes:
        kind (str): ``'list'``, ``'tuple'``, ``'dict'``, ``'set'``, ``'tensor'``, ``'storage'``,
            ``'name'`` or ``'object'``.
        value: Bytes of a tensor; of storages and names their kinds.
        total (tuple, optional): Items, bytes and depth below it, once they are counted; ``()``
            while they are.
    """
    __slots__ = ('kind', 'total', 'value')

    def __init__(self, kind: str, items: Any = (), value: Any = 0):
        super().__init__(items)
        self.kind, self.value = kind, value
        self.total: tuple[int, ...] | None = None


def check_key(key: Any) -> None:
    """Refuse keys that could be chosen to fall all into one place of a hash table.

    Raises:
        Unsafe: It is such a key.
    """
    if isinstance(key, Node):
        plain = key.kind == 'name' or (key.kind == 'tuple' and len(key) <= 4 and _is_plain(key))
    else:
        plain = not isinstance(key, int) or key.bit_length() <= _KEY_BITS
    if not plain:
        raise Unsafe('it has a key that is neither text nor a number')


def _is_plain(items: Node) -> bool:
    """Return whether a tuple holds texts, whose hashes differ by process, and small numbers."""
    numbers = [item for item in items if isinstance(item, (int, float))]
    small = all(isinstance(n, int) and n.bit_length() <= _PAIR_BITS for n in numbers)
    return small and len(numbers) <= 2 and not any(isinstance(item, Node) for item in items)


def check_size(root: Any, pickled: int, stored: int) -> None:
    """Refuse content that unfolds to far more than its file.

    Args:
        root: The described content.
        pickled (int): Bytes of the pickle.
        stored (int): Bytes of the file.

    Raises:
        Unsafe: Naming the excess.
    """
    items, size, depth = _unfold(root)
    if depth > DEPTH:
        raise Unsafe(f'its content is nested deeper than {DEPTH} levels')
    if items > SHARING * pickled + ROOM / 64:
        raise Unsafe(
            'its lists name each other so often that they unfold to far more than the file')
    if size > SHARING * stored + ROOM:
        raise Unsafe(f'its tensors and texts claim {size:,} bytes, and the file has {stored:,}')


def _unfold(root: Any) -> tuple[int, ...]:
    """Return items, bytes and depth below ``root``; iterative, as recursion could be exhausted."""
    pending: list[Any] = [root]
    while pending:
        node = pending[-1]
        if not isinstance(node, Node) or node.total:
            pending.pop()
        elif node.total is None:
            node.total = ()
            inner = [item for item in node if isinstance(item, Node) and not item.total]
            if any(item.total is not None for item in inner):
                raise Unsafe('its content contains itself')
            pending.extend(inner)
        else:
            node.total = _sum(pending.pop())
    return root.total if isinstance(root, Node) and root.total else (1, _length(root), 0)


def _sum(node: Node) -> tuple[int, int, int]:
    items, size, depth = 1, node.value if node.kind == 'tensor' else 0, 0
    for item in node:
        if isinstance(item, Node):
            more, bytes_, deep = item.total or (0, 0, 0)
            items, size, depth = items + more, size + bytes_, max(depth, deep)
        else:
            items, size = items + 1, size + _length(item)
    return items, size, depth + 1


def _length(value: Any) -> int:
    return len(value) if isinstance(value, (str, bytes)) else 0
