"""Packed archives of gigabytes in a few megabytes are refused at once, without being unpacked."""
import struct
import time
import zipfile
import zlib

import pytest
from limited import MB, limited

from mmst.deploy.export import load_sparse
from mmst.errors import MMSTError
from mmst.openmmlab.safe_checkpoints import safe_load
from mmst.tickets import Ticket

SIZE = 3000 * MB
NAME = b'archive/data.pkl'


def write_bomb(path, packed=True):
    """A zip archive of one part of 3 GB of zeros, whose megabytes are packed alike."""
    if packed:
        one = zlib.compressobj(9, zlib.DEFLATED, -15)
        block = one.compress(bytes(MB)) + one.flush(zlib.Z_FULL_FLUSH)
        end = zlib.compressobj(9, zlib.DEFLATED, -15)
        data = block * (SIZE // MB) + end.flush()
    else:
        data = bytes(3 * MB)
    fields = struct.pack('<HHHHHIIIHH', 20, 0, 8 * packed, 0, 33, 0, len(data), SIZE, len(NAME), 0)
    local = b'PK\3\4' + fields + NAME
    entry = b'PK\1\2' + struct.pack('<H', 20) + fields + struct.pack('<HHHII', 0, 0, 0, 0, 0) + NAME
    last = b'PK\5\6' + struct.pack('<HHHHIIH', 0, 0, 1, 1, len(entry), len(local) + len(data), 0)
    path.write_bytes(local + data + entry + last)


def refusal(load, path):
    begin = time.monotonic()
    with pytest.raises(MMSTError) as found:
        load(path)
    return str(found.value), time.monotonic() - begin


@pytest.mark.parametrize('packed', [True, False], ids=['packed', 'claimed'])
@pytest.mark.parametrize('load', [Ticket.load, load_sparse, lambda path: safe_load(str(path))],
                         ids=['ticket', 'sparse', 'checkpoint'])
def test_three_gigabytes_in_three_megabytes_are_refused_at_once(tmp_path, load, packed):
    path = tmp_path / 'ticket.pth'
    write_bomb(path, packed)
    entry, = zipfile.ZipFile(path).infolist()
    assert entry.file_size == SIZE and path.stat().st_size < 4 * MB
    message, seconds = limited(refusal, load, path, memory=64 * MB, seconds=10)
    assert seconds < 10 and '\n' not in message and 'Remedy: ' in message
