"""Reads the directory of a zip archive that torch wrote: its parts are stored unpacked in a row."""
import struct
import zipfile
from typing import BinaryIO

from .measure import Unsafe

_END, _END64, _LOCATOR = 22, 56, 20
#: Kinds of extra fields.
_ZIP64, _UNICODE_NAME = 0x0001, 0x7075


def read_directory(file: BinaryIO, size: int) -> tuple[dict[str, int], bytes]:
    """Check the directory, then compare checksums.

    Args:
        file (BinaryIO): An archive.
        size (int): Its bytes.

    Returns:
        tuple: Name of each part, without the archive's folder, to its bytes; and the pickle.

    Raises:
        Unsafe: Parts are packed, overlap, or are more than the file.
        zipfile.BadZipFile: It is damaged.
    """
    _check_end(file, size)
    with zipfile.ZipFile(file) as parts:
        entries = parts.infolist()
        if any(e.compress_type != zipfile.ZIP_STORED or e.compress_size != e.file_size
               or e.flag_bits & 1 for e in entries):
            raise Unsafe('its parts are packed, which torch does not do')
        names = [entry.filename for entry in entries]
        # torch's reader makes no difference between capitals and small letters.
        if sum(e.file_size for e in entries) > size or (
                len({name.lower() for name in names}) < len(names)):
            raise Unsafe('its parts overlap')
        if any(map(_is_ambiguous, entries)):
            raise Unsafe('its directory can be understood in two ways')
        folder = names[0].partition('/')[0] + '/' if names else ''
        damaged = parts.testzip()
        if damaged is not None:
            raise zipfile.BadZipFile(f'{damaged} has another checksum')
        sizes = {e.filename[len(folder):]: e.file_size for e in entries
                 if e.filename.startswith(folder)}
        return sizes, parts.read(f'{folder}data.pkl')


def _is_ambiguous(entry: zipfile.ZipInfo) -> bool:
    """Return whether an entry gives its name or size twice: readers differ in their choice."""
    kinds, rest = [], entry.extra
    while len(rest) >= 4:
        kind, length = struct.unpack('<HH', rest[:4])
        kinds.append(kind)
        rest = rest[4 + length:]
    return (entry.orig_filename != entry.filename or _UNICODE_NAME in kinds
            or kinds.count(_ZIP64) > 1)


def _check_end(file: BinaryIO, size: int) -> None:
    """Refuse an end of the archive that two readers could understand in two ways.

    Torch's reader must read the same parts that Python's reader has checked.
    """
    length = min(size, _END + _LOCATOR + _END64)
    file.seek(size - length)
    tail = file.read(length)
    if tail[-_END:-_END + 4] != b'PK\5\6':
        raise zipfile.BadZipFile('the end of the archive is not where it should be')
    locator = tail[-_END - _LOCATOR:-_END]
    if locator[:4] == b'PK\6\7':
        place, = struct.unpack('<Q', locator[8:16])
        if place != size - _END - _LOCATOR - _END64 or tail[:4] != b'PK\6\6':
            raise zipfile.BadZipFile('the end of the archive is not where it should be')
