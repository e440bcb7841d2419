"""Configs as plain data: everything that a config may hold, or one line that refuses it."""
import functools
import io
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.config.lazy import LazyObject
from mmengine.registry import HOOKS, MODELS, Registry
from torch import nn

from mmst.engine import PruneHook
from mmst.errors import ConfigError
from mmst.models import HRNASSupernet
from mmst.tickets.plain_data import as_plain_data, plain_model

OWN = Registry('own things', scope='own')


@OWN.register_module('thing')
def make_thing():
    """Registered in a registry that no toolbox has."""


class Unregistered(nn.Module):
    """In no registry."""


def test_a_class_becomes_a_name_that_its_registry_finds_again():
    assert plain_model(dict(type=HRNASSupernet)) == dict(type='mmst.HRNASSupernet')
    for kind, registry in ((HRNASSupernet, MODELS), (nn.ReLU, MODELS), (PruneHook, HOOKS),
                           (make_thing, OWN)):
        assert registry.get(as_plain_data(kind)) is kind


def test_lazy_objects_are_named_too_wherever_they_stand():
    lazy = LazyObject('mmst.models', 'HRNASSupernet')
    cfg = ConfigDict(type=lazy, inner=[dict(type=LazyObject('torch.nn', 'ReLU'))])
    assert plain_model(cfg) == dict(type='mmst.HRNASSupernet', inner=[dict(type='mmengine.ReLU')])
    assert type(plain_model(cfg)) is dict


Point = namedtuple('Point', 'x y')


@pytest.mark.parametrize('value, expected', [
    ((1, [2, (3, )]), (1, [2, (3, )])), (Point(1, 2), (1, 2)), (torch.Size([2, 3]), (2, 3)),
    ({3, 1}, [1, 3]), (range(3), [0, 1, 2]), (Path('a') / 'b', 'a/b'), (np.float32(0.5), 0.5),
    (np.int64(7), 7), (np.bool_(True), True), (np.array([[1, 2]]), [[1, 2]]),
    (torch.float16, torch.float16), ({np.int64(3): 1, None: 2}, {3: 1, None: 2})])
def test_other_values_keep_their_meaning_and_load_without_code(value, expected):
    found = plain_model(dict(x=value))['x']
    assert found == expected and type(found) is type(expected)
    file = io.BytesIO()
    torch.save(found, file)
    file.seek(0)
    assert torch.load(file, weights_only=True) == expected


@pytest.mark.parametrize('value, said', [
    (Unregistered, 'Unregistered'), (lambda x: x, 'lambda'), (functools.partial(int, 1), 'partial'),
    (nn.Linear(2, 2), 'Linear'), (slice(0, 3), 'slice(0, 3'), (object(), 'object'), (1j, '1j'),
    (np.array([object()]), 'array')])
def test_what_no_ticket_can_name_is_refused_with_its_key(value, said):
    with pytest.raises(ConfigError) as caught:
        plain_model(dict(backbone=dict(layers=[dict(x=value)])))
    message = str(caught.value)
    assert message.startswith('model.backbone.layers[0].x = ') and said in message
    assert '\n' not in message and 'Remedy: ' in message and len(message) < 600


@pytest.mark.parametrize('value', [Unregistered, object(), Unregistered(), functools.partial(int)])
def test_elsewhere_it_is_described_in_the_same_words_by_every_process(value):
    assert as_plain_data(value) == as_plain_data(value) and '0x' not in as_plain_data(value)
    assert as_plain_data(Unregistered) == f'{__name__}.Unregistered'
