"""BN folded into a convolution, and groups spread out: the same function."""
import pytest
import torch
import torch.nn.functional as F
from small_nets import randomise_norms
from torch import nn

from mmst.deploy.folding import fold_bn, spread_groups


def layers(bias, groups=1, out=6):
    conv = nn.Conv2d(4, out, 3, groups=groups, bias=bias)
    return conv.double(), randomise_norms(nn.BatchNorm2d(out)).double().eval()


@pytest.mark.parametrize('bias', [True, False])
def test_a_folded_convolution_gives_what_both_gave(bias):
    conv, bn = layers(bias)
    x = torch.randn(2, 4, 7, 9).double()
    torch.testing.assert_close(F.conv2d(x, *fold_bn(conv.weight, bn, conv.bias)), bn(conv(x)),
                               rtol=1e-12, atol=1e-12)


def test_single_precision_is_folded_in_double():
    conv, bn = layers(False)
    found, expected = fold_bn(conv.weight.float(), bn.float()), fold_bn(conv.weight, bn.double())
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == torch.float64
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-6)


def test_neighbouring_convolutions_share_a_bn():
    conv, bn = layers(False)
    whole = fold_bn(conv.weight, bn)
    for part in (slice(0, 2), slice(2, 6)):
        for one, all_ in zip(fold_bn(conv.weight[part], bn, part=part), whole, strict=True):
            assert torch.equal(one, all_[part])


def test_without_bn_nothing_changes():
    conv, _ = layers(True)
    weight, bias = fold_bn(conv.weight, None, conv.bias)
    assert torch.equal(weight, conv.weight) and torch.equal(bias, conv.bias)
    assert not fold_bn(conv.weight, None)[1].any()


@pytest.mark.parametrize('groups', [1, 2, 4])
def test_spread_groups_give_a_convolution_without_groups(groups):
    conv, _ = layers(False, groups, 8)
    x = torch.randn(1, 4, 5, 5).double()
    torch.testing.assert_close(F.conv2d(x, spread_groups(conv.weight, groups)), conv(x),
                               rtol=1e-12, atol=1e-12)
