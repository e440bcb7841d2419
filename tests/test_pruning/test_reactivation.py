"""Masks on living parameters: holding weights at zero, lifting masks without a jump."""
import plain_events
import pytest
import torch
from torch import nn
from waits import Waits

from mmst.pruning import large
from mmst.pruning.reactivation import (
    mask_gradients,
    reactivate,
    zero_at_once,
    zero_pruned,
    zero_pruned_of,
)

LR = 0.01
ADAPTIVE = dict(
    adam=lambda p: torch.optim.Adam(p, LR),
    adam_fused=lambda p: torch.optim.Adam(p, LR, fused=True),
    amsgrad=lambda p: torch.optim.Adam(p, LR, amsgrad=True),
    adamw=lambda p: torch.optim.AdamW(p, LR, eps=1e-8, weight_decay=1e-2),
    nadam=lambda p: torch.optim.NAdam(p, LR),
    rmsprop=lambda p: torch.optim.RMSprop(p, LR, alpha=0.9, momentum=0.9),
    centered=lambda p: torch.optim.RMSprop(p, LR, alpha=0.9, centered=True),
    adagrad=lambda p: torch.optim.Adagrad(p, LR))
#: Entries that measure sizes, by name; the code goes by their values.
SECOND = ('exp_avg_sq', 'max_exp_avg_sq', 'square_avg', 'sum', 'exp_inf', 'acc_delta', 'step_size')
OTHERS = dict(sgd=lambda p: torch.optim.SGD(p, LR, momentum=0.9),
              adamax=lambda p: torch.optim.Adamax(p, LR),
              radam=lambda p: torch.optim.RAdam(p, LR),
              adadelta=lambda p: torch.optim.Adadelta(p, LR),
              rprop=lambda p: torch.optim.Rprop(p, LR),
              asgd=lambda p: torch.optim.ASGD(p, LR))


def masked_training(make_optimizer, share=0.5, steps=300):
    """A weight after ``steps`` under a mask: optimizer, weight, masks."""
    torch.manual_seed(0)
    weight = nn.Parameter(torch.randn(6, 10))
    masks = {weight: dict(pruned=torch.rand(6, 10) < share)}
    optimizer = make_optimizer([weight])
    for _ in range(steps):
        step(optimizer, weight, masks)
    return optimizer, weight, masks


def step(optimizer, weight, masks, gradient=None):
    weight.grad = torch.randn(weight.shape) + 0.5 if gradient is None else gradient.clone()
    mask_gradients(masks)
    optimizer.step()
    zero_pruned(masks)


def test_gradients_of_pruned_weights_become_0_also_infinite_ones():
    weight = nn.Parameter(torch.ones(3))
    weight.grad = torch.tensor([float('inf'), float('nan'), 2.])
    mask_gradients({weight: dict(pruned=torch.tensor([True, True, False]))})
    assert weight.grad.tolist() == [0., 0., 2.]


def test_weights_without_a_gradient_are_passed_over():
    weight = nn.Parameter(torch.ones(3))
    mask_gradients({weight: dict(pruned=torch.tensor([True, True, False]))})
    assert weight.grad is None


def test_pruned_weights_become_exactly_0_also_infinite_ones():
    weight = nn.Parameter(torch.tensor([float('inf'), float('nan'), 2.]))
    zero_pruned({weight: dict(pruned=torch.tensor([True, True, False]))})
    assert weight.tolist() == [0., 0., 2.]


@pytest.mark.parametrize('name', [*ADAPTIVE, *OTHERS])
def test_first_moments_start_from_0_and_second_moments_from_the_mean_of_the_live(name):
    optimizer, weight, masks = masked_training({**ADAPTIVE, **OTHERS}[name])
    pruned = masks[weight]['pruned']
    before = {k: v.clone() for k, v in optimizer.state[weight].items() if torch.is_tensor(v)}
    reactivate(masks, optimizer)
    seen = set()
    for key, moment in optimizer.state[weight].items():
        if not torch.is_tensor(moment) or moment.shape != weight.shape:
            continue
        seen.add(key)
        assert torch.equal(moment[~pruned], before[key][~pruned])
        second = key in SECOND
        start = before[key][~pruned].mean() if second else torch.tensor(0.)
        torch.testing.assert_close(moment[pruned], start.expand(int(pruned.sum())))
    assert seen and not masks


def steps_of_revived(name, share, revive_steps=1):
    """|change| of revived weights, in learning rates, at each step after the revival."""
    optimizer, weight, masks = masked_training({**ADAPTIVE, **OTHERS}[name], share)
    pruned = masks[weight]['pruned']
    reactivate(masks, optimizer)
    before = weight.detach().clone()
    # A gradient as large as those that the live weights have.
    step(optimizer, weight, masks, torch.full_like(weight, 1.1))
    return (weight.detach() - before)[pruned].abs() / LR


@pytest.mark.parametrize('name', [n for n in ADAPTIVE if n != 'nadam'] + ['adamax'])
def test_the_first_step_of_a_revived_weight_is_no_longer_than_the_learning_rate(name):
    moved = steps_of_revived(name, 0.5)
    assert 0 < moved.max() <= 1.2


@pytest.mark.parametrize('name', ['adam', 'adam_fused', 'amsgrad', 'adamw', 'adamax', 'adagrad'])
def test_a_tensor_without_a_live_weight_does_not_jump_either(name):
    moved = steps_of_revived(name, 1.1)
    assert 0 < moved.max() <= 1.2


def test_zeroed_second_moments_would_jump():
    """Why the mean is taken: Adam counts its steps per tensor."""
    optimizer, weight, masks = masked_training(ADAPTIVE['adam'])
    pruned = masks[weight]['pruned']
    for moment in ('exp_avg', 'exp_avg_sq'):
        optimizer.state[weight][moment][pruned] = 0.
    before = weight.detach().clone()
    step(optimizer, weight, {}, torch.full_like(weight, 1.1))
    assert (weight.detach() - before)[pruned].abs().max() > 1.5 * LR


@pytest.mark.parametrize('name', ['adam', 'adamw', 'adagrad', 'rmsprop', 'sgd'])
def test_a_reactivation_equals_that_of_tensors_one_by_one(name):
    """Some wholly pruned, some not at all, in two groups of settings, in both layouts, to the bit.
    """
    make, states, ends = {**ADAPTIVE, **OTHERS}[name], [], []
    for act in (reactivate, plain_events.reactivate):
        torch.manual_seed(0)
        shapes = [(6, 10), (3, 4, 3, 3), (5, ), (2, 3), (7, 1), (0, 3)]
        weights = [nn.Parameter(torch.randn(shape)) for shape in shapes]
        weights[1].data = weights[1].data.contiguous(memory_format=torch.channels_last)
        optimizer = make([dict(params=weights[:3]), dict(params=weights[3:], lr=0.5)])
        masks = {w: dict(pruned=torch.rand(w.shape) < share) for w, share in zip(
            weights, (0.5, 0.3, 1., 1., 0., 0.5), strict=True)}
        masks[weights[0]]['value'] = torch.rand(6, 10)
        for _ in range(3):
            for weight in weights:
                weight.grad = torch.randn(weight.shape)
            optimizer.step()
        act(masks, optimizer)
        states.append([optimizer.state.get(w, {}) for w in weights])
        ends.append(weights)
    assert all(torch.equal(a, b) for a, b in zip(*ends, strict=True))
    for one, other in zip(*states, strict=True):
        assert list(one) == list(other)
        assert all(torch.equal(torch.as_tensor(one[k]), torch.as_tensor(other[k])) for k in one
                   if one[k] is not None)


def adam_of_many(shapes, seed=0):
    """Adam after two steps of weights half of which are pruned; one wholly."""
    torch.manual_seed(seed)
    weights = [nn.Parameter(torch.randn(shape)) for shape in shapes]
    optimizer = ADAPTIVE['adam'](weights)
    for _ in range(2):
        for weight in weights:
            weight.grad = torch.randn(weight.shape)
        optimizer.step()
    masks = {w: dict(pruned=torch.rand(w.shape) < (2 if i == 1 else 0.5))
             for i, w in enumerate(weights)}
    return optimizer, weights, masks


@pytest.mark.parametrize('count', [3, 12])
def test_a_gpu_is_waited_for_once_however_many_tensors_return(count, monkeypatch):
    optimizer, _, masks = adam_of_many([(4, 5)] * count)
    monkeypatch.setattr(large, '_is_on_host', lambda tensor: False)
    with Waits() as waits:
        reactivate(masks, optimizer)
    assert waits.count == 1 and not masks


def test_a_gpu_finds_what_a_cpu_finds(monkeypatch):
    shapes, states = [(4, 5), (3, 2), (0, 3), (7, 3, 3, 3)], []
    for on_host in (True, False):
        optimizer, weights, masks = adam_of_many(shapes)
        if not on_host:
            monkeypatch.setattr(large, '_is_on_host', lambda tensor: False)
        reactivate(masks, optimizer)
        states.append([optimizer.state.get(w, {}) for w in weights])
    for one, other in zip(*states, strict=True):
        assert one.keys() == other.keys()
        assert all(torch.equal(one[key], other[key]) for key in one)


def test_weights_start_from_0():
    optimizer, weight, masks = masked_training(ADAPTIVE['adam'])
    pruned = masks[weight]['pruned']
    live = weight.detach()[~pruned].clone()
    reactivate(masks, optimizer)
    assert (weight[pruned] == 0).all() and torch.equal(weight.detach()[~pruned], live)


def test_weights_start_from_their_remembered_value():
    optimizer, weight, masks = masked_training(ADAPTIVE['adam'])
    pruned = masks[weight]['pruned']
    masks[weight]['value'] = torch.full_like(weight, 7.).detach()
    live = weight.detach()[~pruned].clone()
    reactivate(masks, optimizer)
    assert (weight[pruned] == 7).all() and torch.equal(weight.detach()[~pruned], live)


def test_an_optimizer_that_has_not_stepped_is_no_obstacle():
    weight = nn.Parameter(torch.ones(3))
    masks = {weight: dict(pruned=torch.tensor([True, False, False]))}
    optimizer = torch.optim.Adam([weight])
    reactivate(masks, optimizer)
    assert not masks and not optimizer.state


def test_a_state_in_whole_numbers_starts_again():
    optimizer, weight, masks = masked_training(OTHERS['sgd'])
    optimizer.state[weight] = dict(codes=torch.ones(6, 10, dtype=torch.uint8), scale=torch.ones(4))
    reactivate(masks, optimizer)
    assert weight not in optimizer.state


def test_a_tensor_that_the_search_has_emptied_is_no_obstacle():
    weight = nn.Parameter(torch.ones(0, 3))
    masks = {weight: dict(pruned=torch.ones(0, 3, dtype=torch.bool))}
    optimizer = torch.optim.Adam([weight])
    optimizer.state[weight] = dict(step=torch.tensor(3.), exp_avg=torch.ones(0, 3),
                                   exp_avg_sq=torch.ones(0, 3))
    reactivate(masks, optimizer)
    assert not masks


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize('form', [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize('zero', [zero_pruned_of, lambda t, state: zero_at_once([(t, state)])])
def test_chosen_entries_become_positive_zero_and_others_keep_every_bit(dtype, form, zero):
    values = torch.randn(3, 4, 5, 6).to(dtype)
    values.view(-1)[:4] = torch.tensor([float('inf'), float('nan'), -0., -float('inf')])
    values = values.contiguous(memory_format=form)
    chosen = torch.rand(3, 4, 5, 6) < 0.5
    for first in (True, False):
        chosen[0, 0, 0, :4] = first
        found = values.clone()
        zero(found, dict(pruned=chosen))
        assert found.stride() == values.stride()
        integer = {2: torch.int16, 4: torch.int32, 8: torch.int64}[found.element_size()]
        expected = values.view(integer).masked_fill(chosen, 0)
        assert torch.equal(found.view(integer), expected)


def test_many_tensors_are_zeroed_in_one_call_whatever_their_sizes_and_layouts():
    tensors = [torch.ones(2, 3), torch.ones(0, 3), torch.ones(4, 3, 2, 2)]
    other = torch.ones(4, 3, 2, 2).contiguous(memory_format=torch.channels_last)
    states = [dict(pruned=torch.rand(t.shape) < 0.5) for t in tensors]
    for found in (tensors, [*tensors[:2], other]):  # a gradient may be laid out in another way
        zero_at_once(list(zip(found, states, strict=True)))
        for tensor, state in zip(found, states, strict=True):
            assert torch.equal(tensor == 0, state['pruned'])


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
def test_weights_and_gradients_on_a_gpu_are_zeroed():
    weight = nn.Parameter(torch.ones(3, device='cuda'))
    weight.grad = torch.tensor([float('inf'), float('nan'), 2.], device='cuda')
    masks = {weight: dict(pruned=torch.tensor([True, True, False], device='cuda'))}
    mask_gradients(masks)
    zero_pruned(masks)
    assert weight.grad.tolist() == [0., 0., 2.] and weight.tolist() == [0., 0., 1.]
