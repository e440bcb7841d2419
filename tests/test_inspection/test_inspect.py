"""Files of ``torch.save`` that claim more than they hold are refused before anything is built."""
import io
import pickle
import struct
import time
import zipfile
from collections import Counter, OrderedDict

import numpy as np
import pytest
import torch
from limited import MB, limited
from mmengine.logging import HistoryBuffer
from torch import nn

from mmst.errors import TicketError
from mmst.openmmlab.safe_checkpoints import safe_load


def history():
    found = HistoryBuffer()
    for i in range(3):
        found.update(float(i), 1)
    return found


def optimizer_state():
    layer = nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(layer.parameters())
    layer(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    return optimizer.state_dict()


CONTENTS = dict(
    plain=[1, -2.5, 'x', None, True, (1, (2, 3)), {'a': {1: 2}}, b'bytes', {1, 2}, 10**200],
    tensors=[torch.randn(3, 4), torch.ones(3).half(), torch.ones(2).bfloat16(), torch.tensor(1),
             torch.zeros(0, 3), torch.randn(4, 3).t(), torch.randn(9)[3:5], torch.ones(2) > 0,
             torch.ones(3, dtype=torch.complex64), nn.Parameter(torch.ones(2)),
             torch.ones(1).expand(50), torch.ones(3).to_sparse()],
    state=nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)).state_dict(),
    optimizer=optimizer_state(), history=history(),
    arrays=[np.ones((2, 3)), np.float64(2), np.int64(3), np.array(['a', 'bc']), np.random.rand(4)],
    others=[OrderedDict(a=1), Counter([1, 1]), torch.device('cpu'), torch.float32,
            torch.Size([1, 2]), torch.get_rng_state()])


@pytest.mark.parametrize('name', CONTENTS)
@pytest.mark.parametrize('archive', [True, False])
def test_what_runs_save_is_read(tmp_path, name, archive):
    content = CONTENTS[name]
    torch.save(content, tmp_path / 'x.pth', _use_new_zipfile_serialization=archive)
    found = safe_load(str(tmp_path / 'x.pth'))
    if name in ('plain', 'others'):
        pairs = zip(found, content, strict=True)
        assert all(torch.equal(a, b) if torch.is_tensor(a) else a == b for a, b in pairs)
    assert (type(found) is type(content) and repr(found)[:40] == repr(content)[:40]) or name in (
        'history', 'others')


def shared(levels, leaf=1):
    for _ in range(levels):
        leaf = [leaf, leaf]
    return leaf


def deep(levels):
    value = []
    for _ in range(levels):
        value = {'a': value}
    return value


def cyclic():
    value = []
    value.append(value)
    return value


UNSAFE = dict(
    stride_0=lambda: dict(w=torch.ones(1).expand(3 * 10**8)),
    windows=lambda: dict(w=torch.ones(1000).unfold(0, 500, 1).unfold(0, 250, 1)[:, :, :, None]
                         .expand(-1, -1, -1, 100)),
    one_tensor_often=lambda: [torch.ones(10**5)] * 10**4,
    one_text_often=lambda: ['x' * 10**6] * 10**5,
    exponential=lambda: shared(60), exponential_tensors=lambda: shared(30, torch.ones(1000)),
    deep=lambda: deep(150), cyclic=cyclic,
    meta=lambda: dict(w=torch.ones(10**9, device='meta')),
    quantized=lambda: torch.quantize_per_tensor(torch.ones(3), 1., 0, torch.qint8),
    colliding=lambda: {i * (2**61 - 1): 0 for i in range(2**10, 2**10 + 300)})


def refused(path):
    start = time.monotonic()
    with pytest.raises(TicketError, match='Remedy: ') as error:
        safe_load(path)
    assert '\n' not in str(error.value) and time.monotonic() - start < 10
    return str(error.value)


@pytest.mark.parametrize('name', UNSAFE)
@pytest.mark.parametrize('archive', [True, False])
def test_what_would_take_far_more_than_the_file_is_refused(tmp_path, name, archive):
    torch.save(UNSAFE[name](), tmp_path / 'x.pth', _use_new_zipfile_serialization=archive)
    limited(refused, str(tmp_path / 'x.pth'))


def rewritten(path, change=lambda name, data: data, **how):
    """The archive of a small state dict, its parts changed."""
    buffer = io.BytesIO()
    torch.save(dict(w=torch.ones(4)), buffer)
    with zipfile.ZipFile(buffer) as parts, zipfile.ZipFile(path, 'w', **how) as out:
        for entry in parts.infolist():
            out.writestr(entry.filename, change(entry.filename, parts.read(entry)))


def test_packed_archives_are_refused_at_once(tmp_path):
    """Half a gigabyte of zeros in two megabytes; one of three would take as long to refuse."""
    path = tmp_path / 'x.pth'
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED, compresslevel=1) as out:
        out.writestr('archive/data.pkl', pickle.dumps({}, 2))
        with out.open('archive/data/0', 'w', force_zip64=True) as part:
            for _ in range(512):
                part.write(bytes(MB))
    assert path.stat().st_size < 4 * MB
    assert 'packed' in limited(refused, str(path), seconds=10)


@pytest.mark.parametrize('change', [
    lambda name, data: data[:8] if name.endswith('data/0') else data,
    lambda name, data: data.replace(struct.pack('<B', 4) + b't', b'\xfft')
    if 'pkl' in name else data, lambda name, data: data.replace(b'K\x04', b'K\xf0')
    if name.endswith('pkl') else data,
    lambda name, data: data.replace(b'K\x04', b'J\xff\xff\xff\x7f') if 'pkl' in name else data
])
def test_tensors_larger_than_their_storage_are_refused(tmp_path, change):
    rewritten(tmp_path / 'x.pth', change)
    limited(refused, str(tmp_path / 'x.pth'))


def test_two_parts_in_one_place_are_refused(tmp_path):
    rewritten(tmp_path / 'x.pth')
    with zipfile.ZipFile(tmp_path / 'x.pth', 'a') as out, pytest.warns(UserWarning):
        out.writestr('archive/data.pkl', pickle.dumps({}, 2))
    refused(str(tmp_path / 'x.pth'))


@pytest.mark.parametrize('call', [
    b'c_codecs\nencode\n(c_codecs\nencode\nX\x02\x00\x00\x00aaX\x06\x00\x00\x00latin1\x86RX\x03'
    b'\x00\x00\x00hextR',
    b'c__builtin__\nbytearray\nJ\x00\x00\x00\x7f\x85R', b'ctorch\nTensor\nJ\x00\x00\x00\x7f\x85R',
    b'ctorch\nFloatStorage\nJ\x00\x00\x00\x7f\x85R',
    b'cnumpy\nndarray\nJ\x00\x00\x00\x7f\x85\x85R', b'cnumpy\ndtype\nX\x01\x00\x00\x00O\x85R',
    b'cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nJ\x00\x00\x00\x7f\x85c_codecs\nencode'
    b'\nX\x01\x00\x00\x00bX\x06\x00\x00\x00latin1\x86RtR',
    b'c__builtin__\ngetattr\n(cmmengine.logging.history_buffer\nHistoryBuffer\nX\x08\x00\x00\x00'
    b'__init__tR', b'cos\nsystem\nX\x04\x00\x00\x00true\x85R'])
def test_calls_that_only_look_harmless_are_refused(tmp_path, call):
    rewritten(tmp_path / 'x.pth', lambda name, data: b'\x80\x02' + call + b'.'
              if name.endswith('data.pkl') else data)
    limited(refused, str(tmp_path / 'x.pth'))


def test_names_that_the_user_allows_are_read(tmp_path):
    torch.save(dict(a=Allowed(3)), tmp_path / 'x.pth')
    with pytest.raises(TicketError, match='Allowed'):
        safe_load(str(tmp_path / 'x.pth'))
    with torch.serialization.safe_globals([Allowed]):
        assert safe_load(str(tmp_path / 'x.pth'))['a'].value == 3


class Allowed:

    def __init__(self, value):
        self.value = value
