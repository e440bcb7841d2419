"""Measures described content; parts that are shared count as often as they appear."""
from typing import Any

#: Texts and tensors together may come to so many times the file's bytes: tied weights are stored
#: once and appear twice.
SHARING = 8
#: Tiny files share more: metadata name the same texts again and again.
ROOM = 1 << 20
#: Python's own functions descend into content by recursion.
DEPTH = 100


class Unsafe(ValueError):
    """Says that a file could take more memory or time than its size allows for."""


class Node(list):
    """What a pickle describes: a container with its items, or an object with its parts.

    Attributes:
        kind (str): ``'list'``, ``'tuple'``, ``'dict'``, ``'set'``, ``'tensor'``, ``'storage'``,
            ``'name'`` or ``'object'``.
        value: Bytes of a tensor; of storages and names what they are.
    """
    __slots__ = ('kind', 'value')

    def __init__(self, kind: str, items: Any = (), value: Any = 0):
        super().__init__(items)
        self.kind, self.value = kind, value


def check_size(root: Any, pickled: int, stored: int) -> None:
    """Refuse content that unfolds to far more than its file.

    Args:
        root: The described content.
        pickled (int): Bytes of the pickle.
        stored (int): Bytes of the file.

    Raises:
        Unsafe: Saying what is too much.
    """
    items, size, depth = _unfolded(root)
    if depth > DEPTH:
        raise Unsafe(f'its content is nested deeper than {DEPTH} levels')
    if items > SHARING * pickled + ROOM / 64:
        raise Unsafe(
            'its lists name each other so often that they unfold to far more than the file')
    if size > SHARING * stored + ROOM:
        raise Unsafe(f'its tensors and texts claim {size:,} bytes, and the file has {stored:,}')


def _unfolded(root: Any) -> tuple[int, int, int]:
    """Return items, bytes and depth below ``root``; iterative, as recursion could be exhausted."""
    found: dict[int, tuple[int, int, int]] = {}
    entered = set()
    pending: list[Any] = [root]
    while pending:
        node = pending[-1]
        if id(node) in found or not isinstance(node, Node):
            pending.pop()
        elif id(node) not in entered:
            entered.add(id(node))
            inner = [item for item in node if isinstance(item, Node) and id(item) not in found]
            if any(id(item) in entered for item in inner):
                raise Unsafe('its content contains itself')
            pending.extend(inner)
        else:
            found[id(pending.pop())] = _sum(node, found)
    return found.get(id(root), (1, _length(root), 0))


def _sum(node: Node, found: dict[int, tuple[int, int, int]]) -> tuple[int, int, int]:
    items, size, depth = 1, node.value if node.kind == 'tensor' else 0, 0
    for item in node:
        if isinstance(item, Node):
            more, bytes_, deep = found[id(item)]
            items, size, depth = items + more, size + bytes_, max(depth, deep)
        else:
            items, size = items + 1, size + _length(item)
    return items, size, depth + 1


def _length(value: Any) -> int:
    return len(value) if isinstance(value, (str, bytes)) else 0
