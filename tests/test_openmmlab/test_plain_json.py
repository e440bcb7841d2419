"""Plain data survive JSON: kinds, order and bits."""
import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmst.openmmlab.plain_json import from_json, to_json
from mmst.tickets.digest import digest

SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.text(),
                    st.floats(allow_nan=False))
KEYS = st.one_of(st.text(), st.sampled_from(['$', 'of']), st.integers(), st.none(), st.booleans())
DATA = st.recursive(SCALARS, lambda inner: st.one_of(
    st.lists(inner, max_size=4), st.lists(inner, max_size=4).map(tuple),
    st.dictionaries(KEYS, inner, max_size=4)), max_leaves=20)


def again(value):
    tensors = {}
    text = json.dumps(to_json(value, tensors))
    return from_json(json.loads(text), tensors)


def kinds(value):
    if isinstance(value, dict):
        return [(type(key), kinds(item)) for key, item in value.items()]
    inner = [kinds(item) for item in value] if isinstance(value, (list, tuple)) else []
    return type(value), inner


@given(DATA)
def test_plain_data_come_back_as_they_were(value):
    found = again(value)
    assert digest(found) == digest(value) and kinds(found) == kinds(value)


def test_what_json_has_no_form_for_comes_back_too():
    nan = again(float('nan'))
    assert nan != nan and again(float('inf')) == float('inf')
    value = dict(kind=torch.float16, place=torch.device('cpu'), more=[torch.arange(3), (1, )])
    assert digest(again(value)) == digest(value)
    assert again(torch.float16) is torch.float16 and again(torch.device('cpu')).type == 'cpu'


def test_objects_are_no_plain_data():
    with pytest.raises(TypeError, match='is no plain data'):
        to_json([object()], {})


@pytest.mark.parametrize('text', [
    '{"$": "dtype", "of": "load"}', '{"$": "dtype", "of": "hub"}', '{"$": "call", "of": []}',
    '{"$": "device", "of": "nowhere"}', '{"$": "tensor", "of": "a"}', '{"$": "tuple"}'])
def test_other_objects_are_refused(text):
    with pytest.raises((ValueError, KeyError, RuntimeError)):
        from_json(json.loads(text), {})


def test_a_tensor_is_named_once():
    """A digest reads a tensor as often as it is named: a few bytes could ask for hours."""
    with pytest.raises(KeyError):
        from_json([{'$': 'tensor', 'of': 'a'}] * 2, dict(a=torch.ones(1)))
