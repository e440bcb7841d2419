"""Lists the calls that a checkpoint may make: each name that torch, mmengine and NumPy write."""
import math
import re
from collections.abc import Callable
from pickle import UnpicklingError
from typing import Any

import torch

from .measure import Node, Unsafe, check_key
from .safe_globals import safe_globals

_ARRAYS = ('numpy.core.multiarray', 'numpy._core.multiarray')
_HISTORY = 'mmengine.logging.history_buffer.HistoryBuffer'
#: Names that are values: they are handed on, and nothing calls them.
_TYPES = ('torch.Tensor', 'torch.nn.parameter.Parameter', 'torch.nn.parameter.Buffer',
          'numpy.ndarray', _HISTORY)
#: Of NumPy's types: numbers, texts and bytes. Objects are more than data.
_DTYPE = re.compile(r'[|<>=]?[?bBhHiIlLqQefdgFDGuScUVMm]\d{0,9}(\[.{1,20}\])?')


def name_of(argument: str) -> str:
    """Return the dotted name of a GLOBAL, in Python 3's spelling.

    Raises:
        pickle.UnpicklingError: It is none that a checkpoint needs.
    """
    name = '.'.join(argument.split(' ', 1)).replace('__builtin__.', 'builtins.')
    if name in CALLS or name in _TYPES or _is_torch_type(name) or name in _user_globals():
        return name
    raise UnpicklingError(f'Unsupported global: GLOBAL {name.removeprefix("builtins.")}')


def call(function: Any, arguments: Any) -> Node:
    """Describe a call's result.

    Raises:
        pickle.UnpicklingError: It is none that a checkpoint needs.
        Unsafe: It would take more memory than its arguments.
    """
    name = function.value if _is(function, 'name') else None
    if not _is(arguments, 'tuple') or not isinstance(name, str):
        raise UnpicklingError('a call of something that has no name')
    known = CALLS.get(name)
    if known is not None:
        return known(*arguments)
    if name == _HISTORY and len(arguments):  # from a list it would pad all texts to the longest
        raise UnpicklingError('a history is not as Python writes it')
    if name == _HISTORY or name in _user_globals():
        return Node('object', arguments, name)
    raise UnpicklingError(f'Unsupported global: GLOBAL {name}')


def build(target: Any, state: Any) -> None:
    """Describe an object that takes on a state."""
    if not isinstance(target, Node) or target.kind not in ('dict', 'object'):
        raise UnpicklingError('a state of something that has none')
    if target.value == 'dtype':
        _check_dtype_state(state)
    if target.value == 'array':
        _check_array_state(state)
    target.append(state)


# ------------------------------------------------------------------------------------ tensors


def element_size(kind: str) -> int:
    """Return the bytes of an element of a storage class, ``torch.FloatStorage``, or a dtype."""
    name = kind.removeprefix('torch.')
    if name in ('UntypedStorage', 'storage.UntypedStorage'):
        return 1
    if name.endswith('Storage'):
        return torch.serialization.StorageType(name).dtype.itemsize
    return getattr(torch, name).itemsize


def _tensor(storage: Any, offset: Any, size: Any, stride: Any, requires_grad: Any = False,
            hooks: Any = (), *more: Any) -> Node:
    """Return a strided tensor, as large as all its elements; it must lie within its storage."""
    numbers = [offset, *_numbers(size), *_numbers(stride)]
    if not _is(storage, 'storage') or len(size) != len(stride) or len(hooks or ()) \
            or not all(type(n) is int and 0 <= n < 2**62 for n in numbers):
        raise UnpicklingError('a tensor is not as torch describes it')
    kind, held = storage.value
    if more and _is(more[0], 'name'):
        kind, more = more[0].value, more[1:]
    if any(part is not None and (not isinstance(part, Node) or len(part)) for part in more):
        raise UnpicklingError('a tensor is more than a tensor')
    item = element_size(kind)
    count = math.prod(size)
    last = offset + sum(
        (n - 1) * step for n, step in zip(size, stride, strict=False)) if count else offset - 1
    if (last + 1) * item > held:
        raise Unsafe(f'a tensor of shape {tuple(size)} is larger than its stored part')
    return Node('tensor', (), count * item)


def _parameter(data: Any, requires_grad: Any = False, hooks: Any = (), state: Any = None) -> Node:
    if not _is(data, 'tensor') or len(hooks or ()):
        raise UnpicklingError('a parameter is no tensor')
    return Node('tensor', [state], data.value)


def _of_type(function: Any, kind: Any, arguments: Any, state: Any) -> Node:
    tensor = call(function, arguments)
    if not _is(tensor, 'tensor') or not _is(kind, 'name') or not kind.value.startswith('torch.'):
        raise UnpicklingError('a tensor of another type')
    return Node('tensor', [state], tensor.value)


def _numbers(value: Any) -> list[Any]:
    if not _is(value, 'tuple'):
        raise UnpicklingError('a shape is no tuple')
    return list(value)


# ------------------------------------------------------------------------------ arrays, objects


def _object(*arguments: Any) -> Node:
    return Node('object', arguments)


def _mapping(*arguments: Any) -> Node:
    if not arguments or (len(arguments) == 1 and _is(arguments[0], 'dict')):
        return Node('dict', arguments)
    pairs = arguments[0]
    if len(arguments) > 1 or not _is(pairs, 'list') or not all(
            isinstance(pair, Node) and len(pair) == 2 for pair in pairs):
        raise UnpicklingError('a dictionary of something else')
    for key, _ in pairs:
        check_key(key)
    return Node('dict', arguments)


def _array(kind: Any, shape: Any, code: Any) -> Node:
    if not _is(kind, 'name') or kind.value != 'numpy.ndarray' or _numbers(shape) != [0]:
        raise UnpicklingError('an array is not as NumPy describes it')
    return Node('object', (), 'array')


def _scalar(kind: Any, data: Any) -> Node:
    if not _is(kind, 'object') or kind.value != 'dtype':
        raise UnpicklingError('a number is not as NumPy describes it')
    return Node('object', [data])


def _dtype(code: Any, *flags: Any) -> Node:
    text = code.decode('ascii') if isinstance(code, bytes) else code
    if not isinstance(text, str) or not _DTYPE.fullmatch(text):
        raise UnpicklingError(f'Unsupported global: GLOBAL numpy.dtype of {text!r}')
    return Node('object', (), 'dtype')


def _check_dtype_state(state: Any) -> None:
    parts = list(state) if _is(state, 'tuple') else [0]
    if not 5 <= len(parts) <= 9 or any(part is not None for part in parts[2:5]):
        raise UnpicklingError('Unsupported global: GLOBAL numpy.dtype with fields')


def _check_array_state(state: Any) -> None:
    # NumPy compares the bytes with shape and type before it takes any memory. Of a type without
    # bytes, an empty text, there could be any number.
    if not _is(state, 'tuple') or len(state) != 5 or _is(state[4], 'list'):
        raise UnpicklingError('an array of objects')
    data = state[4][0] if _is(state[4], 'object') and len(state[4]) == 1 else state[4]
    shape = _numbers(state[1])
    if not isinstance(data, (str, bytes)) or not all(type(n) is int for n in shape):
        raise UnpicklingError('an array is not as NumPy describes it')
    if math.prod(shape) > len(data):
        raise Unsafe(f'an array of shape {tuple(shape)} is larger than its stored part')


def _bytes(text: Any, encoding: Any) -> Node:
    """Decode bytes of protocol 2. Other encodings import modules, and some double their input."""
    if not isinstance(text, str) or encoding not in ('latin1', b'latin1', 'latin-1'):
        raise Unsafe('it encodes something else than bytes')
    return Node('object', [text])


def _bytearray(*arguments: Any) -> Node:
    """Return it of bytes, or of text as protocol 2 writes it; a number would be a length."""
    if not arguments:
        return Node('object')
    if len(arguments) == 2:
        return _bytes(arguments[0], arguments[1])
    if len(arguments) > 2 or not (isinstance(arguments[0], bytes) or _is(arguments[0], 'object')):
        raise Unsafe('it asks for empty memory')
    return Node('object', arguments)


def _set(items: Any = ()) -> Node:
    if any(isinstance(item, Node) or (isinstance(item, int) and item.bit_length() > 63)
           for item in items):
        raise Unsafe('it has a set of something else than texts and numbers')
    return Node('set', items)


def _statistic(owner: Any, name: Any) -> Node:
    if not _is(owner, 'name') or owner.value != _HISTORY:
        raise UnpicklingError(f'Unsupported global: GLOBAL getattr of {name!r}')
    return Node('object')


def _sparse(layout: Any, data: Any) -> Node:
    """Return indices and values; nothing here makes it dense."""
    if not _is(layout, 'object') or list(layout) != ['torch.sparse_coo']:
        raise UnpicklingError('a sparse tensor is not of the plain kind')
    return Node('object', [data])


CALLS: dict[str, Callable[..., Node]] = {
    'collections.OrderedDict': _mapping, 'collections.Counter': _mapping,
    'torch._utils._rebuild_tensor': _tensor, 'torch._utils._rebuild_tensor_v2': _tensor,
    'torch._utils._rebuild_tensor_v3': _tensor, 'torch._utils._rebuild_parameter': _parameter,
    'torch._utils._rebuild_parameter_with_state': _parameter,
    'torch._tensor._rebuild_from_type_v2': _of_type,
    'torch._utils._rebuild_sparse_tensor': _sparse, 'torch.serialization._get_layout': _object,
    'torch.Size': _object, 'torch.device': _object, 'builtins.complex': _object,
    'builtins.set': _set, 'builtins.bytearray': _bytearray, '_codecs.encode': _bytes,
    'builtins.getattr': _statistic, 'numpy.dtype': _dtype,
    **{f'{module}._reconstruct': _array for module in _ARRAYS},
    **{f'{module}.scalar': _scalar for module in _ARRAYS}}


def _is(value: Any, kind: str) -> bool:
    return isinstance(value, Node) and value.kind == kind


def _is_torch_type(name: str) -> bool:
    """Return whether it is the name of a dtype or of a class of storages."""
    module, _, last = name.rpartition('.')
    if module not in ('torch', 'torch.storage'):
        return False
    return last.endswith('Storage') or isinstance(vars(torch).get(last), torch.dtype)


def _user_globals() -> list[str]:
    """Return the names that the user has allowed torch to read, besides mmengine's."""
    if not hasattr(torch.serialization, 'get_safe_globals'):
        return []
    own = safe_globals()
    found = [item for item in torch.serialization.get_safe_globals() if item not in own]
    return [item[1] if isinstance(item, tuple) else f'{item.__module__}.{item.__qualname__}'
            for item in found]
