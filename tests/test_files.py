"""Files of plain data."""
import json
import math
from pathlib import Path

import numpy as np
import pytest

from mmst import files


def refuse(name):
    raise ValueError(name)


def test_numbers_that_are_not_finite_are_null_as_json_has_none():
    odd = dict(a=math.nan, b=[1., math.inf], c=(-math.inf, 'x'), d=dict(e=np.float64('nan')),
               f=None, g=True, h=Path('p'), i=3)
    found = json.loads(files.to_json(odd), parse_constant=refuse)
    assert found == dict(a=None, b=[1., None], c=[None, 'x'], d=dict(e=None), f=None, g=True,
                         h='p', i=3)


def test_what_json_cannot_name_is_refused():
    with pytest.raises(TypeError):
        files.to_json({(1, 2): 3})
