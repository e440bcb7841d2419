"""Reads a pickle symbolically: nothing is imported, called or built."""
import pickletools
from collections.abc import Callable
from pickle import UnpicklingError
from typing import Any, BinaryIO

from .calls import build, call, name_of
from .measure import Node, Unsafe, check_key

#: A container takes at least that many bytes of a pickle that Python wrote.
_BYTES_OF_CONTAINER = 3
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
        size (int): Bytes of the pickle.
    """

    def __init__(self, storage: Callable[[Node], Node], size: int):
        self.storage, self.room = storage, size // _BYTES_OF_CONTAINER + 1000
        self.operations = _OPERATIONS

    def read(self, file: BinaryIO) -> Any:
        """Describe the next pickle of ``file``.

        Raises:
            Unsafe, pickle.UnpicklingError, ValueError, LookupError: It is no such pickle.
        """
        stack: list[Any] = []
        marks: list[list[Any]] = []
        memo: dict[int, Any] = {}
        for opcode, argument, _ in pickletools.genops(file):
            name = opcode.name
            self.operations -= 1
            if self.operations < 0:
                raise Unsafe(f'its content takes more than {_OPERATIONS:,} steps to read')
            if name == 'STOP':
                return stack.pop()
            if name in _LITERALS:
                stack.append(argument)
            elif name in ('BINPUT', 'LONG_BINPUT'):
                memo[argument] = stack[-1]
            elif name in ('BINGET', 'LONG_BINGET'):
                stack.append(memo[argument])
            elif name == 'MARK':
                self._take()
                marks.append(stack)
                stack = []
            elif name in ('TUPLE', 'APPENDS', 'SETITEMS'):
                items, stack = stack, marks.pop()
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
        self._take()
        return Node(kind, items, value)

    def _take(self) -> None:
        self.room -= 1
        if self.room < 0:
            raise Unsafe('it has more containers than a file of its size')


def _extend(target: Any, opcode: str, items: list[Any]) -> None:
    kind = 'list' if opcode.startswith('APPEND') else 'dict'
    if not isinstance(target, Node) or target.kind != kind:
        raise UnpicklingError(f'{opcode} on something else')
    if kind == 'dict':
        for key in items[::2]:
            check_key(key)
    target.extend(items)
