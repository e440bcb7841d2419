"""Training goes on after a removal as if the network had always been small."""
import copy

import pytest
import torch
from small_nets import initialised
from torch import nn

from mmst.models import SearchBlock
from mmst.search.surgery import Cut

NOTHING = torch.tensor([], dtype=torch.long)
OPTIMIZERS = [
    (torch.optim.SGD, dict(momentum=0.9, nesterov=True)),
    (torch.optim.SGD, dict(momentum=0.9, weight_decay=1e-3, dampening=0.1)),
    (torch.optim.Adam, dict(weight_decay=1e-3)),
    (torch.optim.Adam, dict(amsgrad=True)),
    (torch.optim.AdamW, dict(weight_decay=1e-2, eps=1e-3)),
    (torch.optim.RMSprop, dict(momentum=0.9, alpha=0.9, centered=True)),
]
FORMS = [dict(foreach=False), dict(foreach=True), dict(fused=True)]


def make_block():
    return initialised(SearchBlock(6, 9, expand_ratio=2, tokens=5))


def make_optimizer(cls, block, **settings):
    try:
        return cls(block.parameters(), lr=0.01, **settings)
    except (RuntimeError, TypeError) as error:
        pytest.skip(f'this torch does not have it on CPU: {error}')


def train(block, optimizer, steps, seed):
    """Some steps without dropout, whose random numbers would depend on the tokens."""
    generator = torch.Generator().manual_seed(seed)
    block.train()
    for m in block.modules():
        if hasattr(m, 'dropout') and isinstance(m.dropout, float):
            m.dropout = 0.
        elif isinstance(m, nn.Dropout):
            m.p = 0.
    for _ in range(steps):
        x = torch.randn(2, 6, 8, 8, generator=generator)
        optimizer.zero_grad()
        (block(x) - 1).square().mean().backward()
        optimizer.step()


def where_cut(channels, tokens):
    """Name of each tensor that a removal shortens, to its dimension and the kept indices."""
    cuts = {}
    for name in ('expand.weight', *(f'{bn}.{key}' for bn in ('expand_bn', 'depthwise_bn')
                                    for key in ('weight', 'bias', 'running_mean', 'running_var'))):
        cuts[f'mixconv.{name}'] = 0, channels
    for i in range(3):
        cuts[f'mixconv.depthwise.{i}.weight'] = 0, channels[channels // 12 == i] % 12
    cuts['mixconv.project.weight'] = 1, channels
    for name in ('queries', 'input_proj.weight', *(f'input_bn.{key}' for key in (
            'weight', 'bias', 'running_mean', 'running_var'))):
        cuts[f'transformer.{name}'] = 0, tokens
    cuts['transformer.output_proj.weight'] = 1, tokens
    return cuts


def small_twin(block, optimizer, cuts):
    """A block built with the narrow widths, and a new optimizer with the state sliced by hand."""

    def sliced(name, tensor):
        dim, index = cuts.get(name, (0, torch.arange(len(tensor)) if tensor.dim() else None))
        return tensor.clone() if index is None else tensor.detach().index_select(dim, index)

    channels, tokens = cuts['mixconv.expand.weight'][1], cuts['transformer.queries'][1]
    twin = SearchBlock(6, 9, expand_ratio=2, tokens=5)
    twin.resize({k: int((channels // 12 == i).sum()) for i, k in enumerate((3, 5, 7))}, len(tokens))
    twin.load_state_dict({name: sliced(name, t) for name, t in block.state_dict().items()})
    twin_optimizer = type(optimizer)(twin.parameters(), **{
        key: value for key, value in optimizer.defaults.items() if key != 'decoupled_weight_decay'})
    for (name, p), q in zip(block.named_parameters(), twin.parameters(), strict=True):
        twin_optimizer.state[q] = {
            key: sliced(name, value) if value.shape == p.shape else value.clone()
            for key, value in optimizer.state[p].items() if torch.is_tensor(value)}
    return twin, twin_optimizer


@pytest.mark.parametrize('form', FORMS, ids=lambda form: next(iter(form)) + str(*form.values()))
@pytest.mark.parametrize('cls, settings', OPTIMIZERS, ids=lambda v: getattr(v, '__name__', None))
def test_training_goes_on_as_that_of_a_small_network_with_sliced_state(cls, settings, form):
    block = make_block()
    optimizer = make_optimizer(cls, block, **settings, **form)
    train(block, optimizer, steps=3, seed=1)

    channels, tokens = torch.tensor([0, 5, 11, 24, 25, 30, 35]), torch.tensor([1, 4])
    twin, twin_optimizer = small_twin(block, optimizer, where_cut(channels, tokens))
    cut = Cut(optimizer)
    block.mixconv.keep(channels, cut)
    block.transformer.keep(tokens, cut)

    train(block, optimizer, steps=4, seed=2)
    train(twin, twin_optimizer, steps=4, seed=2)
    expected = twin.state_dict()
    for name, value in block.state_dict().items():
        assert torch.equal(value, expected[name]), name
    for p, q in zip(block.parameters(), twin.parameters(), strict=True):
        for key, value in optimizer.state[p].items():
            assert not torch.is_tensor(value) or torch.equal(value, twin_optimizer.state[q][key])


@pytest.mark.parametrize('form', FORMS, ids=lambda form: next(iter(form)) + str(*form.values()))
def test_training_goes_on_after_whole_paths_are_gone(form):
    block = make_block()
    optimizer = make_optimizer(torch.optim.AdamW, block, weight_decay=0.1, **form)
    train(block, optimizer, steps=2, seed=1)
    count = len(optimizer.param_groups[0]['params'])
    cut = Cut(optimizer)
    block.mixconv.keep(NOTHING, cut)
    block.transformer.keep(NOTHING, cut)
    before = block.residual.weight.detach().clone()
    train(block, optimizer, steps=2, seed=2)
    assert not torch.equal(block.residual.weight, before)
    assert len(optimizer.param_groups[0]['params']) == count

    again = make_optimizer(torch.optim.AdamW, block, weight_decay=0.1, **form)
    again.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    train(block, again, steps=1, seed=3)
