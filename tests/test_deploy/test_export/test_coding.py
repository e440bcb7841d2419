"""Positions of kept weights: every coding gives them back, and takes little room."""
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmst.deploy.export import coding
from mmst.deploy.export.coding import decode, encode
from mmst.errors import TicketError


def random_mask(count, density, seed=0):
    return np.random.default_rng(seed).random(count) < density


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 3000), st.sampled_from([0., 0.001, 0.02, 0.1, 0.5, 1.]), st.integers(0, 99))
def test_positions_come_back(count, density, seed):
    kept = random_mask(count, density, seed)
    assert np.array_equal(decode(*encode(kept), count), kept)


@pytest.mark.parametrize('gap', [0, 1, 254, 255, 256, 509, 510, 511, 2000])
def test_gaps_of_any_length_come_back(gap):
    kept = np.zeros(gap + 3, bool)
    kept[[0, gap + 1]] = True
    assert np.array_equal(decode('gaps', coding._gaps(kept), len(kept)), kept)


@pytest.mark.parametrize('density', [0.5, 0.2, 0.1, 0.05, 0.02])
def test_positions_are_near_the_information_limit(density):
    _name, data = encode(random_mask(200_000, density))
    limit = -density * math.log2(density) - (1 - density) * math.log2(1 - density)
    assert limit <= 8 * len(data) / 200_000 < 1.3 * limit + 0.01


def test_the_smallest_coding_is_chosen():
    assert encode(random_mask(4096, 0.5))[0].startswith('bits')
    assert encode(random_mask(4096, 0.004))[0].startswith('gaps')


@pytest.mark.parametrize('name, data', [
    ('morse', b''), ('bits', b'\0' * 3), ('bits+zlib', b'damaged'), ('gaps', b'\xff'),
    ('gaps', b'\x70'), ('gaps+zlib', b'x\x9c\x03')])
def test_damaged_positions_are_refused(name, data):
    with pytest.raises(TicketError, match=r'positions of weights are damaged: .*Remedy: '):
        decode(name, data, 100)


def test_packed_data_cannot_grow_beyond_their_layer():
    import zlib
    with pytest.raises(TicketError, match='do not end where they should'):
        decode('bits+zlib', zlib.compress(b'\0' * 10**7), 100)
