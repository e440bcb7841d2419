"""Files that two readers understand in two ways, or that grow or slow down once they are read."""
import io
import os
import pickle
import struct
import zipfile
from collections import Counter, OrderedDict

import pytest
import torch
from limited import MB, limited
from mmengine.logging import HistoryBuffer

from mmst.errors import TicketError
from mmst.openmmlab.safe_checkpoints import safe_load


def refused(path):
    with pytest.raises(TicketError, match='Remedy: ') as error:
        safe_load(path)
    assert '\n' not in str(error.value)
    return str(error.value)


class Call:
    """A call that a pickle asks for."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


def archive(path, pickled, *more):
    with zipfile.ZipFile(path, 'w') as out:
        for name, data in [('data.pkl', pickled), ('version', '3\n'), *more]:
            out.writestr(f'archive/{name}', data)


def dtype(code, size):
    return (b'cnumpy\ndtype\nX' + struct.pack('<I', len(code)) + code + b'\x89\x88\x87R'
            b'(K\x03X\x01\x00\x00\x00|NNNJ' + struct.pack('<i', size) + b'K\x01K\x00tb')


def array(count, kind):
    """An array of so many elements, of no bytes."""
    return (b'cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85'
            b'c_codecs\nencode\nX\x01\x00\x00\x00bX\x06\x00\x00\x00latin1\x86RtR(K\x01(\x8a\x08'
            + struct.pack('<q', count) + b't' + kind + b'\x89c_codecs\nencode\nX\x00\x00\x00\x00'
            b'X\x06\x00\x00\x00latin1\x86Rtb')


COLLIDING = [i * (2**61 - 1) for i in range(2**10, 2**10 + 60_000)]


def pairs_of_numbers():
    """Tuples as keys whose numbers all have one hash."""
    numbers = (b'\x8a\x0a' + n.to_bytes(10, 'little') + b'\x85N' for n in COLLIDING)
    return b'\x80\x02}(' + b''.join(numbers) + b'u.'


PICKLES = dict(
    a_history_of_padded_texts=lambda: pickle.dumps(
        Call(HistoryBuffer, ['x' * 10**5] + ['ab'] * 10**5, [1] * (10**5 + 1)), 2),
    a_slow_encoding=lambda: pickle.dumps(
        Call(bytearray, ''.join(chr(200 + i % 50_000) for i in range(10**5)), 'punycode'), 2),
    counted_numbers_of_one_hash=lambda: pickle.dumps(Call(Counter, COLLIDING), 2),
    items_of_one_hash=lambda: pickle.dumps(Call(OrderedDict, [(n, 0) for n in COLLIDING]), 2),
    tuples_of_one_hash=pairs_of_numbers, marks=lambda: b'\x80\x02' + b'(' * (4 * MB),
    an_array_of_nothings=lambda: b'\x80\x02' + array(10**12, dtype(b'U0', 0)) + b'.',
    millions_of_steps=lambda: b'\x80\x02](' + b'K\x01' * (4 * MB) + b'e.')


@pytest.mark.parametrize('name', PICKLES)
def test_what_grows_or_slows_down_once_it_is_built_is_refused(tmp_path, name):
    archive(tmp_path / 'x.pth', PICKLES[name]())
    limited(refused, str(tmp_path / 'x.pth'), memory=512 * MB, seconds=30)


def of_many(item, before=b'', count=10**6):
    """A list of so many objects of a few bytes each."""
    return b'\x80\x02](' + before + item * count + b'e.'


#: Files of 3 to 6 MB whose objects would take 40 to 400 MB.
OBJECTS = dict(
    lists=lambda: of_many(b']]'),
    dictionaries=lambda: of_many(b'}q\x00'), tuples=lambda: of_many(b'N\x85'),
    ordered_dictionaries=lambda: of_many(b'h\x00)R', b'ccollections\nOrderedDict\nq\x00', 600_000),
    sets=lambda: of_many(b'h\x00]\x85R', b'cbuiltins\nset\nq\x00', 450_000),
    histories=lambda: of_many(
        b'h\x00)\x81', b'cmmengine.logging.history_buffer\nHistoryBuffer\nq\x00', 600_000),
    memo=lambda: b'\x80\x02N' + b''.join(
        b'r' + struct.pack('<I', i) for i in range(10**6)) + b'.',
    texts=lambda: of_many(b'X\x01\x00\x00\x00a'), integers=lambda: of_many(b'M\x10\x27'),
    keys=lambda: b'\x80\x02}(' + b''.join(
        b'M' + struct.pack('<H', 300 + i % 60_000) + b'N' for i in range(10**6)) + b'u.')


@pytest.mark.parametrize('name', OBJECTS)
def test_files_of_many_small_objects_take_a_small_multiple_of_their_size(tmp_path, name):
    path = tmp_path / 'x.pth'
    archive(path, OBJECTS[name]())
    size = path.stat().st_size
    before = limited(memory_of, None, memory=64 * MB)
    taken = limited(memory_of, str(path), memory=10 * size + 48 * MB) - before
    assert taken < 9 * size + 24 * MB


def memory_of(path):
    """The most memory that a process has had, in bytes, once it has read the file."""
    with open('/proc/self/clear_refs', 'w') as file:
        file.write('5')
    if path is not None:
        try:
            safe_load(path)
        except TicketError as error:
            assert 'Remedy: ' in str(error) and '\n' not in str(error)
    with open('/proc/self/status') as file:
        peak, = (line.split()[1] for line in file if line.startswith('VmHWM'))
    return int(peak) << 10


def test_checkpoints_of_thousands_of_small_tensors_are_read(tmp_path):
    """As of a large network of narrow layers, with its momenta, its average and its mask."""
    state = {f'backbone.stages.{i}.conv.weight': torch.ones(1) for i in range(3000)}
    content = dict(
        state_dict=state, optimizer=dict(
            state={i: dict(momentum_buffer=torch.ones(1), step=i) for i in range(3000)},
            param_groups=[dict(lr=0.1, betas=(0.9, 0.99), params=[i]) for i in range(3000)]),
        mask={name: torch.ones(1, dtype=torch.bool) for name in state},
        timeline=[dict(kind='evaluate', step=i, metrics=dict(score=i / 7), widths=list(range(200)))
                  for i in range(400)])
    torch.save(content, tmp_path / 'x.pth')
    found = safe_load(str(tmp_path / 'x.pth'))
    assert len(found['optimizer']['state']) == 3000


@pytest.mark.parametrize('claim', [b'X' + struct.pack('<I', 2**32 - 1),
                                   b'\x8e' + struct.pack('<Q', 2**40),
                                   b'\x8e' + struct.pack('<Q', 2**62)])
def test_a_text_that_is_longer_than_its_file_is_refused(tmp_path, claim):
    (tmp_path / 'x.pth').write_bytes(b'\x80\x02' + claim + b'abc')
    limited(refused, str(tmp_path / 'x.pth'))


@pytest.mark.parametrize('other', ['DATA.PKL', 'Data.pkl', 'data.PKL'])
def test_parts_whose_names_differ_in_capitals_are_refused(tmp_path, other):
    """torch's reader takes either of the two, Python's the one that is meant."""
    whole = io.BytesIO()
    torch.save(dict(w=torch.ones(1).expand(3 * 10**8)), whole)
    with zipfile.ZipFile(whole) as parts:
        claims, stored = parts.read('archive/data.pkl'), parts.read('archive/data/0')
    archive(tmp_path / 'x.pth', pickle.dumps({}, 2), (other, claims), ('data/0', stored))
    assert 'overlap' in limited(refused, str(tmp_path / 'x.pth'))


def test_a_part_that_gives_its_size_twice_is_refused(tmp_path):
    whole = io.BytesIO()
    torch.save(dict(w=torch.ones(4)), whole)
    with zipfile.ZipFile(whole) as parts:
        entries, start = parts.infolist(), parts.start_dir
    directory = b''
    for entry in entries:
        name, size, twice = entry.filename.encode(), entry.file_size, b''
        if entry.filename.endswith('data/0'):
            claims = [struct.pack('<HHQQ', 1, 16, n, n) for n in (2**32 - 1, size)]
            size, twice = 2**32 - 1, b''.join(claims)
        directory += struct.pack('<4s6H3I5H2I', b'PK\1\2', 45, 45, entry.flag_bits, 0, 0, 0,
                                 entry.CRC, size, size, len(name), len(twice), 0, 0, 0, 0,
                                 entry.header_offset) + name + twice
    end = struct.pack('<4s4H2IH', b'PK\5\6', 0, 0, len(entries), len(entries), len(directory),
                      start, 0)
    (tmp_path / 'x.pth').write_bytes(whole.getvalue()[:start] + directory + end)
    assert 'two ways' in limited(refused, str(tmp_path / 'x.pth'))


@pytest.mark.skipif(not hasattr(os, 'SEEK_HOLE'), reason='no files with holes')
@pytest.mark.parametrize('start', [b'', b'PK\3\4', b'\x80\x02'])
def test_a_file_that_is_a_hole_is_refused_before_it_is_read(tmp_path, start):
    with open(tmp_path / 'x.pth', 'wb') as file:
        file.write(start)
        file.truncate(2**36)
    assert 'hole' in limited(refused, str(tmp_path / 'x.pth'), seconds=10)


def test_a_tar_archive_that_looks_like_a_pickle_is_not_opened(tmp_path):
    """torch's reader would search its extended headers, at length."""
    header = bytearray(b'\x80\x02name'.ljust(512, b'\0'))
    header[124:136] = b'%011o ' % 100_000
    header[148:156], header[156:157] = b' ' * 8, b'x'
    header[148:156] = b'%06o\0 ' % sum(header)
    (tmp_path / 'x.pth').write_bytes(bytes(header) + b'1' * 100_352)
    assert 'no longer writes' in limited(refused, str(tmp_path / 'x.pth'), seconds=10)
