"""The foreach EMA against mmengine's own and against the formula."""
import torch
from mmengine.model import MomentumAnnealingEMA
from torch import nn

from mmst.engine import WarmupEMA


def _net() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(2, 2))


def _step(net: nn.Module) -> None:
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(torch.randn_like(parameter))
        net[1].running_mean.add_(1)


def test_it_equals_the_averages_of_mmengine_bit_for_bit():
    net = _net()
    ours = WarmupEMA(net, momentum=0.05)
    theirs = MomentumAnnealingEMA(net, momentum=0.05, gamma=9, update_buffers=True)
    for _ in range(30):
        _step(net)
        ours.update_parameters(net)
        theirs.update_parameters(net)
    for name, value in theirs.state_dict().items():
        assert torch.equal(value, ours.state_dict()[name]), name


def test_its_decay_is_the_released_one():
    net = nn.Linear(1, 1, bias=False)
    ema = WarmupEMA(net, momentum=0.2)
    net.weight.data.fill_(0.)
    ema.update_parameters(net)
    net.weight.data.fill_(1.)
    expected = 0.
    for n in range(60):
        ema.update_parameters(net)
        decay = min(1 - 0.2, (1 + n) / (10 + n))
        expected = decay * expected + (1 - decay)
        assert abs(ema.module.weight.item() - expected) < 1e-6, n


def test_it_goes_on_after_tensors_have_shrunk_in_place():
    net = _net()
    ema = WarmupEMA(net, momentum=0.5)
    for _ in range(3):
        _step(net)
        ema.update_parameters(net)
    for model in (net, ema.module):
        model[0].weight.requires_grad_(False).set_(model[0].weight.detach()[:2].clone())
    before = ema.module[0].weight.clone()
    _step(net)
    ema.update_parameters(net)
    assert ema.module[0].weight.shape[0] == 2
    assert not torch.equal(before, ema.module[0].weight)
