"""Optimizers of every making through a removal, the next step, and a resume."""
import copy

import pytest
import torch
from small_nets import initialised
from torch import nn
from torch.optim import Optimizer

from mmst.models import SearchBlock
from mmst.search.optimizer_state import restart
from mmst.search.surgery import Cut


class Shampoo(Optimizer):
    """Home-made: in a list a matrix of each dimension with itself, and its root."""

    def __init__(self, params, lr=0.01):
        super().__init__(params, dict(lr=lr))

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group['params']:
                if p.grad is not None and p.numel():
                    p.sub_(self._direction(p), alpha=group['lr'])

    def _direction(self, p):
        state = self.state[p]
        if not state:
            state['step'] = 0
            state['sums'] = [torch.eye(n) for n in p.shape]
            state['roots'] = tuple(torch.eye(n) for n in p.shape)
        state['step'] += 1
        g = p.grad
        for dim, total in enumerate(state['sums']):
            rows = g.transpose(0, dim).flatten(1) if g.dim() > 1 else g[:, None]
            total += rows @ rows.T
        state['roots'] = tuple(torch.diag(t.diagonal().rsqrt()) for t in state['sums'])
        for dim, root in enumerate(state['roots']):
            g = torch.tensordot(root, g, dims=([1], [dim])).movedim(0, dim)
        return g


class EightBit(Optimizer):
    """Home-made: momentum in codes, with a scale for each block of 32 weights."""

    def __init__(self, params, lr=0.01):
        super().__init__(params, dict(lr=lr))

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group['params']:
                if p.grad is not None and p.numel():
                    self._step(p, group['lr'])

    def _step(self, p, lr):
        state, blocks = self.state[p], -(-p.numel() // 32)
        flat = nn.functional.pad(p.grad.flatten(), (0, blocks * 32 - p.numel())).view(blocks, 32)
        if state:
            codes = nn.functional.pad(state['codes'].flatten(), (0, flat.numel() - p.numel()))
            flat = flat + 0.9 * codes.view(blocks, 32) * state['scales'][:, None]
        state['scales'] = flat.abs().amax(1) / 127 + 1e-12
        state['codes'] = ((flat / state['scales'][:, None]).round().to(torch.int8).flatten()
                          [:p.numel()].view_as(p))
        p.sub_(flat.flatten()[:p.numel()].view_as(p), alpha=lr)


class VectorAdafactor(Optimizer):
    """Home-made: averages over one dimension, as vectors, as in several packages."""

    def __init__(self, params, lr=0.01):
        super().__init__(params, dict(lr=lr))

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group['params']:
                if p.grad is None or not p.numel():
                    continue
                state, square = self.state[p], p.grad.square() + 1e-6
                if p.dim() < 2:
                    state['sq'] = state.get('sq', 0) + square
                    scale = state['sq']
                else:
                    state['row'] = state.get('row', 0) + square.mean(-1)
                    state['col'] = state.get('col', 0) + square.mean(-2)
                    scale = state['row'][..., None] * state['col'][..., None, :]
                p.sub_(p.grad / scale.sqrt(), alpha=group['lr'])


def optim(name, **settings):
    return pytest.param(lambda p: getattr(torch.optim, name)(p, lr=0.01, **settings), id='_'.join(
        [name, *settings]), marks=[] if hasattr(torch.optim, name) else pytest.mark.skip(
            reason=f'this torch has no {name}'))


SHAPED = [optim('SGD', momentum=0.9, nesterov=True), optim('Adam'), optim('AdamW', amsgrad=True),
          optim('Adagrad'), optim('Adadelta'), optim('ASGD'), optim('Rprop'), optim('NAdam'),
          optim('RAdam'), optim('Adamax'), optim('RMSprop', momentum=0.9, centered=True)]
FACTORED = [optim('Adafactor'), pytest.param(VectorAdafactor, id='vectors')]
FOREIGN = [pytest.param(Shampoo, id='shampoo'), pytest.param(EightBit, id='8bit')]
KEEP = torch.tensor([0, 5, 11, 24, 25, 30, 35])


def make_block():
    return initialised(SearchBlock(6, 9, expand_ratio=2, transformer='none'))


def train(block, optimizer, steps=2, seed=1):
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        x = torch.randn(2, 6, 8, 8, generator=generator)
        optimizer.zero_grad()
        (block.train()(x) - 1).square().mean().backward()
        optimizer.step()


def searched(make_optimizer, cut=True):
    """A block that has trained, then lost channels: block, optimizer, the cut."""
    torch.manual_seed(0)
    block = make_block()
    optimizer, cutter = make_optimizer(block.parameters()), None
    train(block, optimizer)
    if cut:
        cutter = Cut(optimizer)
        block.mixconv.keep(KEEP, cutter)
    return block, optimizer, cutter


@pytest.mark.parametrize('make_optimizer', [*SHAPED, *FACTORED, *FOREIGN])
def test_training_goes_on_after_a_removal_and_after_a_resume(make_optimizer):
    block, optimizer, _ = searched(make_optimizer)
    train(block, optimizer)
    assert all(p.isfinite().all() for p in block.parameters())
    twin = make_block()
    twin.mixconv.keep(KEEP, Cut())
    twin.load_state_dict(block.state_dict())
    resumed = make_optimizer(twin.parameters())
    if make_optimizer is EightBit:  # torch gives all states the parameter's type
        pairs = zip(block.parameters(), twin.parameters(), strict=True)
        resumed.state.update({q: copy.deepcopy(optimizer.state[p]) for p, q in pairs})
    else:
        resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for network, its in ((block, optimizer), (twin, resumed)):
        train(network, its, seed=2)
    for ours, theirs in zip(block.state_dict().values(), twin.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize('make_optimizer', [*SHAPED, *FACTORED])
def test_state_that_follows_the_parameter_is_cut_with_it(make_optimizer):
    before, its, _ = searched(make_optimizer, cut=False)
    block, optimizer, cut = searched(make_optimizer)
    assert not cut.dropped
    for name, dim in (('expand', 0), ('project', 1)):
        p = getattr(block.mixconv, name).weight
        was = its.state[getattr(before.mixconv, name).weight]
        assert p in optimizer.state and set(optimizer.state[p]) == set(was)
        for key, value in optimizer.state[p].items():
            if not torch.is_tensor(value) or value.numel() == 1:
                continue
            # The dimension of 36 channels, wherever it lies; averages over it stay.
            at = [d for d, size in enumerate(was[key].shape) if size == 36]
            expected = was[key].index_select(at[0], KEEP) if at else was[key]
            assert torch.equal(value, expected), (name, key, dim)


@pytest.mark.parametrize('make_optimizer, entry', [(Shampoo, 'sums'), (EightBit, 'codes')])
def test_state_that_cannot_be_cut_starts_again_and_is_counted(make_optimizer, entry):
    block, optimizer, cut = searched(make_optimizer)
    mixconv = block.mixconv
    touched = [mixconv.expand.weight, mixconv.project.weight, mixconv.expand_bn.weight]
    assert not any(p in optimizer.state for p in touched)
    assert block.residual.weight in optimizer.state, 'the others keep theirs'
    assert sum(cut.dropped.values()) >= len(touched) and set(cut.dropped) <= {'sums', 'codes',
                                                                              'scales'}


def test_a_square_weight_is_cut_as_the_other_weights_say():
    """A row of averages of an 8x8 weight may be one over rows or over columns."""
    square, other = nn.Linear(8, 8, bias=False), nn.Linear(8, 5, bias=False)
    for others in (True, False):
        layers = [copy.deepcopy(square), copy.deepcopy(other)]
        optimizer = VectorAdafactor([layer.weight for layer in layers[:1 + others]])
        for layer in layers[:1 + others]:
            layer.weight.grad = torch.rand(layer.weight.shape)
        optimizer.step()
        row, col = (optimizer.state[layers[0].weight][key].clone() for key in ('row', 'col'))
        cut = Cut(optimizer)
        cut(layers[0], 'weight', 0, torch.tensor([1, 4, 6]))
        state = optimizer.state[layers[0].weight]
        if others:
            assert torch.equal(state['row'], row[[1, 4, 6]]) and torch.equal(state['col'], col)
        else:
            assert not state and sum(cut.dropped.values()) == 1


def test_matrices_of_square_weights_alone_are_not_taken_for_moments():
    layer = nn.Linear(8, 8, bias=False)
    optimizer = Shampoo(layer.parameters())
    layer.weight.grad = torch.rand(8, 8)
    optimizer.step()
    Cut(optimizer)(layer, 'weight', 0, torch.tensor([1, 4, 6]))
    assert layer.weight not in optimizer.state


def test_an_optimizer_that_fills_its_state_as_it_is_made_fills_it_again():
    p, other = nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(2))
    optimizer = torch.optim.Adagrad([dict(params=[other]), dict(
        params=[p], initial_accumulator_value=0.25)], lr=0.1)
    p.grad = torch.ones(3)
    optimizer.step()
    restart(optimizer, [p])
    assert optimizer.state[p]['sum'].tolist() == [0.25] * 3 and optimizer.state[p]['step'] == 0
    optimizer.step()
