"""2:4 weights for hardware: which layers are converted, and that they stay the same function."""
import pytest
import torch
from torch import nn

from mmst.deploy.export.semi_structured import convert_layers, is_two_of_four, semi_structured
from mmst.errors import ConfigError
from mmst.pruning.draw import draw_in_groups


def two_of_four(layer):
    """The layer with a 2:4 mask."""
    with torch.no_grad():
        layer.weight.mul_(draw_in_groups(layer.weight.abs(), 0.5, 4))
    return layer


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        two_of_four(nn.Conv2d(64, 32, 1)), nn.ReLU(), two_of_four(nn.Conv2d(32, 64, 3, padding=1)),
        nn.Conv2d(64, 64, 1), two_of_four(nn.Conv2d(64, 20, 1)), nn.Flatten(2),
        two_of_four(nn.Linear(64, 96))).eval()


def test_layers_whose_mask_and_size_fit_are_converted_and_the_output_stays():
    model, converted = network(), []
    x = torch.randn(2, 64, 8, 8)
    before = model(x)

    def convert(weight):
        converted.append(tuple(weight.shape))
        return weight.clone()

    assert convert_layers(model, convert) == dict(sparse=2, mask=1, size=1)
    assert converted == [(32, 64), (96, 64)]
    assert torch.allclose(model(x), before, atol=1e-5)


def test_three_of_four_are_not_two_of_four():
    assert is_two_of_four(torch.tensor([[1., 0, 2, 0, 0, 0, 0, 1]]))
    assert not is_two_of_four(torch.tensor([[1., 3, 2, 0, 0, 0, 0, 1]]))
    assert not is_two_of_four(torch.zeros(1, 6))


@pytest.mark.skipif(torch.cuda.is_available(), reason='there is a GPU')
def test_without_a_gpu_the_error_says_so():
    with pytest.raises(ConfigError, match=r'compute capability 8.0'):
        semi_structured(network())
