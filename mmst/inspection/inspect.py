"""Inspects files of ``torch.save``, old and new, before they are read."""
import io
import os
import tarfile
from collections.abc import Callable
from pickle import UnpicklingError
from typing import Any, BinaryIO

from .archive import read_directory
from .calls import element_size
from .measure import Node, Unsafe, check_size
from .symbolic_pickle import Machine

#: A file may be so many times larger than its blocks on the disk, and a bit more: some file
#: systems pack zeros.
HOLES, HOLE_ROOM = 16, 1 << 26
_BLOCK = 512  # bytes, of the numbers that the system tells


class _Bounded:
    """Reads no more than is left of a file: Python takes all the memory that is asked for."""

    def __init__(self, file: BinaryIO, size: int):
        self.file, self.size = file, size

    def read(self, count: int) -> bytes:
        return self.file.read(max(0, min(count, self.size - self.file.tell())))

    def readline(self) -> bytes:
        return self.file.readline()

    def tell(self) -> int:
        return self.file.tell()


def inspect(file: BinaryIO) -> None:
    """Refuse a file that is damaged or could take far more than its size; then rewind ``file``.

    Raises:
        Unsafe: It claims more than it holds.
        Exception: It is no file of ``torch.save``; almost anything can come.
    """
    size = stored_size(file)
    file.seek(0)
    archive = file.read(4) == b'PK\3\4'
    file.seek(0)
    if archive:
        _inspect_archive(file, size)
    else:
        _inspect_plain(file, size)
    file.seek(0)


def stored_size(file: BinaryIO) -> int:
    """Return the bytes of a file, all of which are stored.

    Raises:
        Unsafe: Most of it is a hole.
    """
    status = os.fstat(file.fileno())
    if status.st_size > HOLES * status.st_blocks * _BLOCK + HOLE_ROOM:
        raise Unsafe('most of it is a hole, of which nothing is stored')
    return status.st_size


def _inspect_archive(file: BinaryIO, size: int) -> None:
    parts, pickled = read_directory(file, size)
    if 'constants.pkl' in parts:
        raise Unsafe('it is a program of TorchScript')

    def storage(kind: str, key: str, bytes_: int) -> None:
        if bytes_ > parts[f'data/{key}']:
            raise Unsafe(f'storage {key} is larger than its stored part')

    content = Machine(_storage_reader(storage, 5), size).read(io.BytesIO(pickled))
    check_size(content, len(pickled), size)


def _inspect_plain(file: BinaryIO, size: int) -> None:
    """Inspect a file without an archive, as torch wrote them before version 1.6."""
    if _is_tar(file.read(tarfile.BLOCKSIZE)):
        raise Unsafe('it is an archive that torch no longer writes')
    sizes: dict[str, int] = {}
    room = [size]

    def storage(kind: str, key: str, bytes_: int) -> None:
        sizes[key] = bytes_
        room[0] -= bytes_
        if room[0] < 0:
            raise Unsafe('its storages are larger than the file')

    file.seek(0)
    machine = Machine(_storage_reader(storage, 6), size)
    bounded: Any = _Bounded(file, size)
    for _ in range(3):  # a number, the version, the machine
        machine.read(bounded)
    content = machine.read(bounded)
    keys = machine.read(bounded)
    check_size(content, file.tell(), size)
    if not isinstance(keys, Node) or {key for key in keys if isinstance(key, str)} != set(sizes):
        raise UnpicklingError('its storages are others than it says')


def _storage_reader(check: Callable[[str, str, int], None], length: int) -> Callable[[Any], Node]:
    known: dict[str, Node] = {}

    def read(reference: Any) -> Node:
        if not isinstance(reference, Node) or len(reference) != length \
                or reference[0] not in ('storage', b'storage') or any(reference[5:]):
            raise UnpicklingError('a storage is not as torch describes it')
        _, kind, key, _, count = reference[:5]
        if not isinstance(kind, Node) or not isinstance(key, (str, bytes)) \
                or type(count) is not int or not 0 <= count < 2**62:
            raise UnpicklingError('a storage is not as torch describes it')
        bytes_ = count * element_size(kind.value)
        key = key.decode('ascii') if isinstance(key, bytes) else key
        if key not in known:
            check(kind.value, key, bytes_)
            known[key] = Node('storage', (), (kind.value, bytes_))
        if known[key].value[1] != bytes_:
            raise UnpicklingError('a storage has two lengths')
        return known[key]

    return read


def _is_tar(block: bytes) -> bool:
    """Return whether torch would read a file of that beginning as a tar archive."""
    try:
        tarfile.TarInfo.frombuf(block, 'utf-8', 'surrogateescape')
    except tarfile.HeaderError as error:
        return type(error).__name__ == 'EOFHeaderError'  # a name that types do not know
    return True
