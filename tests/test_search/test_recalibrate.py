"""BN statistics are cumulative averages over the batches; nothing else changes."""
import pytest
import torch
from mmengine.model import BaseModel
from torch import nn

from mmst.search.recalibrate import batch_norms, recalibrate


class TwoNorms(BaseModel):
    """Norms before and after a dropout, and one that no batch reaches."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, bias=False)
        self.first = nn.BatchNorm2d(4, momentum=0.03)
        self.dropout = nn.Dropout(0.5)
        self.second = nn.BatchNorm2d(4, momentum=None)
        self.unreached = nn.BatchNorm2d(2)
        self.empty = nn.BatchNorm2d(0)

    def forward(self, inputs, mode='tensor'):
        return self.second(self.dropout(self.first(self.conv(inputs)).relu()))


def make():
    torch.manual_seed(0)
    model = TwoNorms().double()
    with torch.no_grad():
        for bn in batch_norms(model):
            bn.weight.uniform_(0.5, 1.5)
            bn.bias.uniform_(-0.5, 0.5)
            bn.running_mean.uniform_(-9, 9)
            bn.running_var.uniform_(3, 9)
            bn.num_batches_tracked.fill_(17)
    return model


def batches(count=3):
    generator = torch.Generator().manual_seed(1)
    return [dict(inputs=torch.randn(size, 3, 8, 8, generator=generator, dtype=torch.float64) + size)
            for size in range(2, 2 + count)]


@torch.no_grad()
def expected(model, data):
    """Means over the batches of each norm's batch mean and unbiased batch variance."""
    found = {'first': [], 'second': []}
    for batch in data:
        x = model.conv(batch['inputs'])
        for name in found:
            bn = getattr(model, name)
            flat = x.transpose(0, 1).flatten(1)
            mean, var = flat.mean(1), flat.var(1, unbiased=False)
            found[name].append((mean, flat.var(1, unbiased=True)))
            shape = (1, -1, 1, 1)
            x = (x - mean.view(shape)) / (var.view(shape) + bn.eps).sqrt()
            x = (x * bn.weight.view(shape) + bn.bias.view(shape)).relu()
    return {name: [torch.stack(values).mean(0) for values in zip(*pairs, strict=True)]
            for name, pairs in found.items()}


@pytest.mark.parametrize('training', [True, False])
def test_statistics_are_cumulative_averages_over_the_batches(training):
    model = make().train(training)
    want = expected(model, batches())
    assert recalibrate([model], batches()) == 3
    for name, (mean, var) in want.items():
        bn = getattr(model, name)
        torch.testing.assert_close(bn.running_mean, mean, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(bn.running_var, var, rtol=1e-12, atol=1e-12)


def test_every_model_is_recalibrated_by_its_own_weights_on_the_same_batches():
    first, second = make(), make()
    with torch.no_grad():
        second.conv.weight.mul_(3.)
    want = [expected(model, batches()) for model in (first, second)]
    recalibrate([first, second], batches())
    for model, figures in zip((first, second), want, strict=True):
        for name in ('first', 'second'):
            torch.testing.assert_close(getattr(model, name).running_mean, figures[name][0])


def test_momentum_batch_counts_and_training_modes_stay():
    model = make().train()
    model.first.eval()
    modes = {name: m.training for name, m in model.named_modules()}
    recalibrate([model], batches())
    assert {name: m.training for name, m in model.named_modules()} == modes
    assert (model.first.momentum, model.second.momentum) == (0.03, None)
    assert all(int(bn.num_batches_tracked) == 17 for bn in batch_norms(model))


def test_weights_and_gradients_stay():
    model = make()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    recalibrate([model], batches())
    assert all(torch.equal(p, before[name]) for name, p in model.named_parameters())
    assert all(p.grad is None for p in model.parameters())


def test_statistics_keep_their_storage():
    """The averaged model and a DDP wrapper hold the tensors themselves."""
    model = make()
    pointers = {name: b.data_ptr() for name, b in model.named_buffers()}
    recalibrate([model], batches())
    assert {name: b.data_ptr() for name, b in model.named_buffers()} == pointers


def test_a_norm_that_no_batch_reaches_keeps_its_statistics():
    """Such as those of an auxiliary head, which a plain forward pass leaves out."""
    model = make()
    mean, var = model.unreached.running_mean.clone(), model.unreached.running_var.clone()
    recalibrate([model], batches())
    assert torch.equal(model.unreached.running_mean, mean)
    assert torch.equal(model.unreached.running_var, var)


def test_an_error_midway_restores_modes_and_momentum():
    model = make().train()

    def broken():
        yield batches()[0]
        raise RuntimeError('disk')

    with pytest.raises(RuntimeError, match='disk'):
        recalibrate([model], broken())
    assert model.first.momentum == 0.03 and model.training and model.conv.training


def test_norms_without_statistics_or_channels_are_passed_over():
    model = nn.Sequential(nn.BatchNorm2d(3), nn.BatchNorm2d(3, track_running_stats=False),
                          nn.BatchNorm2d(0), nn.LayerNorm(3))
    assert batch_norms(model) == [model[0]]
