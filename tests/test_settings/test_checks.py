"""Each check gives the value back, or refuses it with key, value and remedy in one line."""
import math
from fractions import Fraction

import numpy as np
import pytest
import torch

from mmst.errors import ConfigError
from mmst.settings.checks import (
    check_choice,
    check_flag,
    check_names,
    check_number,
    check_numbers,
    check_size,
    suggestion,
)

NO_NUMBERS = [True, False, np.bool_(True), None, '1', [1], math.nan, math.inf, -math.inf,
              np.float32('nan'), torch.tensor(1), np.array(1), 1j, Fraction(1, 2), b'1']


@pytest.mark.parametrize('whole', [False, True])
@pytest.mark.parametrize('value', NO_NUMBERS, ids=repr)
def test_what_is_no_number_is_refused_everywhere(value, whole):
    with pytest.raises(ConfigError, match=r'^Hook\.x = .*: must be a (whole )?number. Remedy: use'):
        check_number('Hook.x', value, whole=whole, remedy='use 1')
    with pytest.raises(ConfigError, match=r'^Hook\.x = '):
        check_numbers('Hook.x', [1, value], low=0, remedy='use 1')
    with pytest.raises(ConfigError, match=r'^Hook\.x = '):
        check_size('Hook.x', (1, value), remedy='use (1, 1)')


@pytest.mark.parametrize('value', [3, np.int64(3), np.uint8(3), np.int32(3)], ids=repr)
def test_whole_numbers_come_back_as_pythons(value):
    for found in (check_number('x', value, low=3, high=3, whole=True, remedy='use 3'),
                  check_number('x', value, remedy='use 3'),
                  *check_numbers('x', (value, value), low=3, remedy='use 3'),
                  *check_numbers('x', value, low=3, remedy='use 3'),
                  *check_size('x', (value, value), remedy='use 3')):
        assert found == 3
        assert type(found) is int


@pytest.mark.parametrize('value', [0.5, np.float64(0.5), np.float32(0.5), np.float16(0.5)],
                         ids=repr)
def test_fractions_come_back_as_pythons_and_are_no_whole_numbers(value):
    found = check_number('x', value, above=0, below=1, remedy='use 0.9')
    assert found == 0.5
    assert type(found) is float
    for refuse in (lambda: check_number('x', value * 4, whole=True, remedy='use 2'),
                   lambda: check_numbers('x', [value * 4], low=0, remedy='use 2'),
                   lambda: check_size('x', [value * 4, 2], remedy='use 2')):
        with pytest.raises(ConfigError, match=r'^x = .* Remedy: use 2'):
            refuse()


@pytest.mark.parametrize('value, bounds, problem', [
    (90, dict(above=0, below=1), 'must lie between 0 and 1, without 0 and 1'),
    (1, dict(above=0, below=1), 'must lie between 0 and 1, without 0 and 1'),
    (0, dict(above=0, high=1), 'must lie between 0 and 1, without 0'),
    ('0.9', dict(above=0, below=1), 'must be a number between 0 and 1, without 0 and 1'),
    (1.5, dict(low=0, high=1), 'must lie between 0 and 1'),
    (-1e-3, dict(low=0), 'must be 0 or above'),
    ('x', dict(low=0), 'must be a number, 0 or above'),
    (0, dict(above=0), 'must be above 0'),
    (None, dict(above=0), 'must be a number above 0'),
    (2, dict(below=2), 'must be below 2'),
    (3, dict(high=2), 'must be 2 or below'),
    (0, dict(low=1, whole=True), 'must be a whole number, 1 or above'),
    (10**400, dict(high=8, whole=True, low=1), 'must be a whole number between 1 and 8')])
def test_a_number_outside_its_bounds_is_refused_in_words(value, bounds, problem):
    with pytest.raises(ConfigError) as error:
        check_number('Hook.x', value, **bounds, remedy='use 0.5')
    assert f': {problem}. Remedy: use 0.5.' in str(error.value)
    assert str(error.value).startswith('Hook.x = ')


def test_only_true_and_false_are_flags():
    assert check_flag('x', True) is True
    assert check_flag('x', np.bool_(False)) is False
    for value in (1, 0, None, 'True', torch.tensor(True)):
        with pytest.raises(ConfigError, match=r'^x = .*: must be True or False. Remedy: use True'):
            check_flag('x', value)


def test_a_choice_is_distinguished_from_its_likes():
    choices = ('auto', True, False, None, 2)
    for choice in choices:
        assert check_choice('x', choice, choices) is choice
    for value in (1, 0, 'Auto', 'true', [], {}, np.zeros(2), torch.zeros(2), 3, 1.):
        with pytest.raises(ConfigError, match='unknown choice'):
            check_choice('x', value, choices)
    with pytest.raises(ConfigError, match='unknown choice'):
        check_choice('x', True, ('auto', 1))


def test_an_unknown_choice_names_the_nearest_and_all():
    with pytest.raises(ConfigError) as error:
        check_choice('Hook.scope', 'globl', ('global', 'layer'), more="'n:m', e.g. '2:4'")
    assert str(error.value) == (
        "Hook.scope = 'globl': unknown choice. Remedy: did you mean 'global'? Use one of 'global', "
        "'layer', or 'n:m', e.g. '2:4'.")
    with pytest.raises(ConfigError, match=r"Remedy: use one of 'global', 'layer'\.$"):
        check_choice('Hook.scope', 'xyz', ('global', 'layer'))


def test_a_suggestion_needs_likeness_and_not_case():
    assert suggestion('MIOU', ['aAcc', 'mIoU']) == "did you mean 'mIoU'?"
    assert suggestion('loss', ['aAcc', 'mIoU']) is None


@pytest.mark.parametrize('value', [None, 5, (5, ), (0, 5), (5, -5), (5, 5, 5), '55', {5, 6}])
def test_a_size_is_height_and_width(value):
    with pytest.raises(ConfigError, match=r'must be \(height, width\) in pixels'):
        check_size('x', value, remedy='use (512, 1024)')


def test_one_name_stands_for_a_list_of_one():
    assert check_names('x', 'backbone', 'give names') == ['backbone']
    assert check_names('x', ('a', 'b'), 'give names') == ['a', 'b']
    assert check_names('x', (), 'give names') == []
    for value in (None, 3, ['a', 3], {'a': 1}):
        with pytest.raises(ConfigError, match=r'must be a list of names\. Remedy: give names'):
            check_names('x', value, 'give names')
