"""Reads a pickle symbolically: nothing is imported, called or built."""
import pickletools
from collections.abc import Callable
from pickle import UnpicklingError
from typing import Any, BinaryIO

from .calls import build, call, name_of
from .measure import Node, Unsafe, check_key

#: Objects may take so many times the file's bytes. Small files have some room more: a number takes
#: two bytes of a file and forty of memory.
_OBJECTS, _OBJECT_ROOM = 8, 1 << 24
#: Bytes that Python takes for a container, an entry of the memo, a text, a number, and a place in a
#: list; the description here or the object itself, whichever is larger.
_CONTAINER, _MEMO, _TEXT, _NUMBER, _PLACE = 200, 128, 64, 40, 16
#: Of one file: some seconds' work, here and in torch's reader, which is Python's, too.
_OPERATIONS = 2 * 10**6
_CONTAINERS = dict(EMPTY_LIST='list', EMPTY_DICT='dict', EMPTY_SET='set')
_CONSTANTS = dict(NONE=None, NEWTRUE=True, NEWFALSE=False)
_LITERALS = ('BININT', 'BININT1', 'BININT2', 'LONG1', 'BINFLOAT', 'BINUNICODE', 'SHORT_BINSTRING')
_TUPLES = dict(TUPLE1=1, TUPLE2=2, TUPLE3=3)


class Machine:
    """Reads the operations that torch's own reader of weights knows, into :class:`Node` s.

    Args:
        storage (Callable): Checks a reference to a storage, given as a tuple, and describes it.
        stored (int): Bytes of the file.
    """

    def __init__(self, storage: Callable[[Node], Node], stored: int):
        self.storage, self.room = storage, _OBJECTS * stored + _OBJECT_ROOM
        self.operations = _OPERATIONS

    def read(self, file: BinaryIO) -> Any:
        """Describe the next pickle of ``file``.

        Raises:
            Unsafe, pickle.UnpicklingError, ValueError, LookupError: It is no such pickle.
        """
        stack: list[Any] = []
        marks: list[list[Any]] = []
        memo: dict[int, Any] = {}
        argument: Any  # of a kind that its operation knows
        for opcode, argument, _ in pickletools.genops(file):
            name = opcode.name
            self.operations -= 1
            if self.operations < 0:
                raise Unsafe(f'its content takes more than {_OPERATIONS:,} steps to read')
            self._take(_PLACE)
            if name == 'STOP':
                return stack.pop()
            if name in _LITERALS:
                self._take(_size(argument))
                stack.append(argument)
            elif name in ('BINPUT', 'LONG_BINPUT'):
                self._take(_MEMO)
                memo[argument] = stack[-1]
            elif name in ('BINGET', 'LONG_BINGET'):
                stack.append(memo[argument])
            elif name == 'MARK':
                self._take(_CONTAINER)
                marks.append(stack)
                stack = []
            elif name in ('TUPLE', 'APPENDS', 'SETITEMS'):
                items, stack = stack, marks.pop()
                self.room += _CONTAINER  # the mark's
                if name == 'TUPLE':
                    stack.append(self._new('tuple', items))
                else:
                    _extend(stack[-1], name, items)
            elif name in _TUPLES:
                count = _TUPLES[name]
                if len(stack) < count:
                    raise UnpicklingError('a tuple has too few items')
                stack[-count:] = [self._new('tuple', stack[-count:])]
            elif name == 'APPEND':
                item = stack.pop()
                _extend(stack[-1], name, [item])
            elif name == 'SETITEM':
                value, key = stack.pop(), stack.pop()
                _extend(stack[-1], name, [key, value])
            elif name in _CONSTANTS:
                stack.append(_CONSTANTS[name])
            elif name == 'EMPTY_TUPLE':
                stack.append(Node('tuple'))
            elif name in _CONTAINERS:
                stack.append(self._new(_CONTAINERS[name]))
            elif name == 'GLOBAL':
                stack.append(self._new('name', value=name_of(argument)))
            elif name in ('REDUCE', 'NEWOBJ'):
                arguments, function = stack.pop(), stack.pop()
                self._new('object')
                stack.append(call(function, arguments))
            elif name == 'BUILD':
                state = stack.pop()
                build(stack[-1], state)
            elif name == 'BINPERSID':
                stack.append(self.storage(stack.pop()))
            elif name not in ('PROTO', 'FRAME'):
                raise UnpicklingError(f'Unsupported operand {name}')
        raise EOFError

    def _new(self, kind: str, items: Any = (), value: Any = 0) -> Node:
        self._take(_CONTAINER)
        return Node(kind, items, value)

    def _take(self, bytes_: int) -> None:
        self.room -= bytes_
        if self.room < 0:
            raise Unsafe('its objects would take far more memory than its file')


def _size(literal: Any) -> int:
    if isinstance(literal, (str, bytes)):
        return _TEXT
    return 0 if type(literal) is int and -6 < literal < 257 else _NUMBER  # Python keeps small ones


def _extend(target: Any, opcode: str, items: list[Any]) -> None:
    kind = 'list' if opcode.startswith('APPEND') else 'dict'
    if not isinstance(target, Node) or target.kind != kind:
        raise UnpicklingError(f'{opcode} on something else')
    if kind == 'dict':
        for key in items[::2]:
            check_key(key)
    target.extend(items)
