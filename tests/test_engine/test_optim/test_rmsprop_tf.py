"""RMSProp in TensorFlow's form: the plain formula, and a life with removal and reactivation."""
import copy

import pytest
import torch
from small_nets import initialised
from torch import nn

from mmst.engine import DecayGroupsConstructor, RMSpropTF
from mmst.errors import ConfigError
from mmst.models import SearchBlock
from mmst.pruning.reactivation import mask_gradients, reactivate, zero_pruned
from mmst.registry import OPTIMIZERS
from mmst.search.surgery import Cut

SETTINGS = dict(lr=0.1, alpha=0.8, momentum=0.7, eps=1e-2, weight_decay=0.03)


def plain_steps(w, grads, lr, alpha, momentum, eps, weight_decay):
    """The formula, a number at a time; the learning rate halves at each step."""
    square, move = 1., 0.
    for g in grads:
        g = g + weight_decay * w
        square = alpha * square + (1 - alpha) * g * g
        move = momentum * move + lr * g / (square + eps)**0.5
        w = w - move
        lr = lr / 2
    return w


@pytest.mark.parametrize('changes', [{}, dict(momentum=0.), dict(weight_decay=0.), dict(alpha=0.)])
def test_equals_the_plain_formula(changes):
    settings = dict(SETTINGS, **changes)
    params = [nn.Parameter(torch.randn(shape, dtype=torch.float64))
              for shape in ((4, 3, 2), (5, ), ())]
    grads = [[torch.randn_like(p) for p in params] for _ in range(6)]
    expected = [
        [plain_steps(numbers[0], numbers[1:], **settings) for numbers in zip(
            p.flatten().tolist(), *(step[i].flatten().tolist() for step in grads), strict=True)]
        for i, p in enumerate(params)]
    optimizer = RMSpropTF(params, **settings)
    for step in grads:
        for p, g in zip(params, step, strict=True):
            p.grad = g.clone()
        optimizer.step()
        optimizer.param_groups[0]['lr'] /= 2
    for p, wanted in zip(params, expected, strict=True):
        assert p.detach().flatten().tolist() == pytest.approx(wanted, rel=1e-11)


def test_gradients_are_left_as_they_were():
    p = nn.Parameter(torch.ones(3))
    p.grad = torch.tensor([1., 2., 3.])
    RMSpropTF([p], **SETTINGS).step()
    assert p.grad.tolist() == [1., 2., 3.]


def test_parameters_without_gradient_stay():
    p, q = nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(3))
    q.grad = torch.ones(3)
    optimizer = RMSpropTF([p, q], **SETTINGS)
    optimizer.step()
    assert torch.equal(p, torch.ones(3)) and not torch.equal(q, torch.ones(3))
    assert p not in optimizer.state


def test_first_step_is_small_whatever_the_gradients_size():
    """Squares start at 1, so a first tiny gradient is not blown up to a whole step."""
    p = nn.Parameter(torch.zeros(1))
    p.grad = torch.full((1, ), 1e-6)
    RMSpropTF([p], lr=0.1).step()
    assert p.abs().item() < 2e-7


def test_closure_is_called_with_gradients_on():
    p = nn.Parameter(torch.ones(2))
    optimizer = RMSpropTF([p], lr=0.1)

    def closure():
        loss = p.square().sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 2.
    assert torch.all(p < 1)


def test_state_survives_saving():
    torch.manual_seed(0)
    nets = [nn.Linear(3, 2) for _ in range(2)]
    nets[1].load_state_dict(nets[0].state_dict())
    optimizers = [RMSpropTF(net.parameters(), **SETTINGS) for net in nets]
    x = torch.randn(4, 3)
    for _i in range(4):
        for net, optimizer in zip(nets, optimizers, strict=True):
            optimizer.zero_grad()
            net(x).square().mean().backward()
            optimizer.step()
        fresh = RMSpropTF(nets[1].parameters(), **SETTINGS)
        fresh.load_state_dict(copy.deepcopy(optimizers[1].state_dict()))
        optimizers[1] = fresh
    assert torch.equal(nets[0].weight, nets[1].weight)


@pytest.mark.parametrize(
    'changes',
    [dict(lr=-1),
     dict(alpha=1.),
     dict(momentum=1.),
     dict(eps=-1e-3),
     dict(weight_decay=-1.)])
def test_impossible_settings_are_refused_by_name(changes):
    with pytest.raises(ConfigError, match=f'optimizer.{next(iter(changes))}'):
        RMSpropTF([nn.Parameter(torch.ones(1))], **changes)


def train(block, optimizer, steps, seed):
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        optimizer.zero_grad()
        (block(torch.randn(2, 6, 8, 8, generator=generator)) - 1).square().mean().backward()
        optimizer.step()


def test_training_goes_on_after_a_removal_as_that_of_a_small_network():
    settings = dict(SETTINGS, lr=1e-3)
    space = dict(expand_ratio=2, transformer='none')
    block = initialised(SearchBlock(6, 9, **space))
    optimizer = RMSpropTF(block.parameters(), **settings)
    train(block, optimizer, 3, seed=1)
    block.mixconv.keep(torch.tensor([0, 5, 11, 24, 25, 30, 35]), Cut(optimizer))

    small = SearchBlock(6, 9, **space)
    small.resize(**block.widths())
    small.load_state_dict(block.state_dict())
    twin = RMSpropTF(small.parameters(), **settings)
    for p, q in zip(block.parameters(), small.parameters(), strict=True):
        assert {key: t.shape for key, t in optimizer.state[p].items()} == dict.fromkeys(
            ('square_avg', 'momentum_buffer'), p.shape)
        twin.state[q] = {key: t.clone() for key, t in optimizer.state[p].items()}
    train(block, optimizer, 3, seed=2)
    train(small, twin, 3, seed=2)
    for p, q in zip(block.parameters(), small.parameters(), strict=True):
        assert torch.equal(p, q)


def test_reactivated_weights_do_not_jump():
    p = nn.Parameter(torch.randn(20))
    optimizer = RMSpropTF([p], lr=0.01)
    masks = {p: dict(pruned=torch.arange(20) < 10)}
    zero_pruned(masks)
    for _ in range(200):
        p.grad = 5 * torch.randn(20)
        mask_gradients(masks)
        optimizer.step()
        zero_pruned(masks)
    state = optimizer.state[p]
    live = state['square_avg'][10:].mean()
    reactivate(masks, optimizer)
    assert state['momentum_buffer'][:10].abs().max() == 0
    torch.testing.assert_close(state['square_avg'][:10], live.expand(10))
    before = p.detach().clone()
    p.grad = 5 * torch.randn(20)
    optimizer.step()
    moved = (p - before).abs()
    assert moved[:10].max() < 0.02 and moved[:10].min() > 0


def test_built_by_name_with_decay_on_weights_only():
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    wrapper = DecayGroupsConstructor(dict(
        type='OptimWrapper', optimizer=dict(type='mmst.RMSpropTF', lr=0.016, weight_decay=1e-5)
    ))(model)
    assert OPTIMIZERS.get('mmst.RMSpropTF') is RMSpropTF
    assert isinstance(wrapper.optimizer, RMSpropTF)
    assert [g['weight_decay'] for g in wrapper.optimizer.param_groups] == [1e-5, 0.]
