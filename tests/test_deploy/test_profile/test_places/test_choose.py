"""Words for places, as the command line and tables have them."""
import pytest

from mmst.deploy.profile.places import (
    CCommand,
    OnnxRuntime,
    SparseEngine,
    TorchEngine,
    choose_place,
    device_of,
)
from mmst.errors import ConfigError


@pytest.mark.parametrize('word, kind', [
    ('cpu', SparseEngine), ('torch', TorchEngine), ('onnxruntime', OnnxRuntime),
    ('c:ssh pi "./a b/timing"', CCommand)])
def test_a_word_names_a_place_and_its_table_names_the_word(word, kind):
    if kind is OnnxRuntime:
        pytest.importorskip('onnxruntime')
    place = choose_place(word, None, (32, 64), 3)
    assert type(place) is kind and place.threads == 3
    found = device_of(place.engine, place.machine()['device'])
    assert found == (None if kind is CCommand else word)
    if kind is CCommand:
        assert place.words == ['ssh', 'pi', './a b/timing']


@pytest.mark.parametrize('word', ['tpu', 'c', 'c:', 'c: ', 'c:"', 'CPU', ''])
def test_other_words_are_refused(word):
    with pytest.raises(ConfigError, match=r'--device = .*Remedy: '):
        choose_place(word, None, (32, 64))


def test_a_table_of_a_gpu_is_measured_on_a_gpu():
    assert device_of('torch', 'Card 9000') == 'cuda'
