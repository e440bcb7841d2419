"""Removals of weights that the others make up for, against closed forms and exhaustive search."""
import itertools

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmst.errors import ConfigError
from mmst.pruning import brain_compression
from mmst.pruning.brain_compression import dampen
from mmst.pruning.criteria import OptimalBrainCompression
from mmst.pruning.draw import draw_mask


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def problem(rows=3, width=5, samples=50):
    """Rows of weights, and inputs of each, dependent on one another."""
    mixing = torch.randn(rows, width, width, dtype=torch.float64)
    inputs = mixing @ torch.randn(rows, width, samples, dtype=torch.float64)
    return torch.randn(rows, width, dtype=torch.float64), inputs, inputs @ inputs.transpose(1, 2)


def removal_losses(weights, hessian):
    """Of rows (rows, d) that have a Hessian each."""
    return brain_compression.removal_losses(weights[:, None], hessian)[:, 0]


def compensated(weights, hessian, kept):
    """Of rows (rows, d) that have a Hessian each."""
    return brain_compression.compensate(weights[:, None], hessian, kept[:, None])[:, 0]


def error(weights, other, inputs):
    return ((weights - other)[:, None] @ inputs).square().sum((1, 2))


def test_the_loss_of_one_removal_is_the_least_error_without_that_weight():
    weights, inputs, hessian = problem()
    losses, inverse = removal_losses(weights, hessian), torch.linalg.inv(hessian)
    first = losses.argmin(1)
    for row, column in enumerate(first):
        expected = weights[row, column]**2 / inverse[row, column, column]  # OBS, closed form
        kept = torch.ones_like(weights, dtype=torch.bool)
        kept[row, column] = False
        found = error(weights, compensated(weights, hessian, kept), inputs)[row]
        assert losses[row, column] == pytest.approx(float(expected), rel=1e-9)
        assert found == pytest.approx(float(expected), rel=1e-8)


def test_what_stays_makes_the_least_error_of_all_rows_with_these_zeros():
    weights, inputs, hessian = problem()
    kept = torch.tensor([[1, 0, 1, 0, 1], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0]]).bool()
    found = compensated(weights, hessian, kept)
    assert (found[~kept] == 0).all() and torch.allclose(found[1], weights[1])
    rows, chosen = inputs[0, kept[0]].T, weights[0] @ inputs[0]
    best = torch.linalg.lstsq(rows, chosen[:, None]).solution[:, 0]
    assert torch.allclose(found[0, kept[0]], best)


def test_weights_are_removed_in_the_greedy_order_at_rising_losses():
    weights, _, hessian = problem(width=8)
    losses = removal_losses(weights, hessian)
    assert (losses > 0).all() and torch.isfinite(losses).all()
    order = losses.argsort(1)
    inverse = torch.linalg.inv(hessian[0])
    gone = []
    for column in order[0].tolist():  # each is the cheapest of those that are left
        left = [c for c in range(8) if c not in gone]
        costs = {}
        for candidate in left:
            out = [*gone, candidate]
            part = inverse[out][:, out]
            costs[candidate] = float(weights[0, out] @ torch.linalg.solve(part, weights[0, out]))
        assert min(costs, key=costs.get) == column
        gone.append(column)


def test_with_independent_inputs_it_is_magnitude():
    weights = torch.randn(4, 6, dtype=torch.float64)
    hessian = torch.eye(6, dtype=torch.float64).expand(4, 6, 6)
    assert torch.allclose(removal_losses(weights, hessian), weights.square())
    kept = weights.abs() > 0.5
    assert torch.allclose(compensated(weights, hessian, kept), weights * kept)


def test_it_makes_less_error_than_magnitude_and_nearly_the_least_there_is():
    weights, inputs, hessian = problem(rows=6, width=6)
    by_loss = removal_losses(weights, hessian).argsort(1).argsort(1) >= 3
    by_size = weights.abs().argsort(1).argsort(1) >= 3
    ours = error(weights, compensated(weights, hessian, by_loss), inputs)
    theirs = error(weights, weights * by_size, inputs)
    least = torch.stack([
        error(weights, compensated(weights, hessian, torch.tensor(
            [i in three for i in range(6)]).expand(6, 6)), inputs)
        for three in itertools.combinations(range(6), 3)]).min(0).values
    assert (ours < theirs).all() and (ours >= least * (1 - 1e-9)).all()
    assert ours.sum() < 3 * least.sum()


def test_inputs_that_never_act_are_no_division_by_zero():
    weights = torch.randn(2, 3)
    found = dampen(torch.zeros(2, 3, 3))
    assert torch.isfinite(removal_losses(weights, found)).all()


class Net(nn.Module):

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(16, 8, 1)
        self.loose = nn.Parameter(torch.randn(4, 4))

    def forward(self, x):
        return self.second(F.relu(self.first(x)))


def pruned(net, criterion, x, ratio):
    weights = {n: p for n, p in net.named_parameters() if p.dim() > 1}
    criterion.observe(net, weights, lambda: net(x))
    mask = draw_mask(criterion.score(weights, {}), ratio)
    criterion.update(weights, mask)
    with torch.no_grad():
        for name, kept in mask.items():
            weights[name].masked_fill_(~kept, 0)
    return mask


def correlated_images():
    return F.avg_pool2d(torch.randn(8, 3, 12, 12), 3, 1, 1)


def correlated_tokens():
    return torch.randn(8, 30, 6) @ torch.randn(6, 16)


@pytest.mark.parametrize(('build', 'inputs'), [
    (Net, correlated_images),
    (lambda: nn.TransformerEncoderLayer(16, 2, 32, batch_first=True).eval(), correlated_tokens)],
    ids=['convolutions', 'attention'])
def test_a_network_s_output_changes_less_than_by_magnitude(build, inputs):
    from mmst.pruning.criteria import Magnitude
    x, errors = inputs(), {}
    for criterion in (OptimalBrainCompression(), Magnitude()):
        torch.manual_seed(1)
        net = build()
        with torch.no_grad():
            before = net(x)
            mask = pruned(net, criterion, x, 0.8)
            errors[type(criterion).__name__] = float((net(x) - before).square().mean())
        assert mask.sparsity == pytest.approx(0.8, abs=0.01)
    assert errors['OptimalBrainCompression'] < 0.5 * errors['Magnitude'], errors


def test_weights_whose_inputs_were_not_seen_are_scored_by_magnitude_and_stay():
    net, criterion = Net(), OptimalBrainCompression()
    weights = {n: p for n, p in net.named_parameters() if p.dim() > 1}
    before = net.loose.detach().clone()
    criterion.observe(net, weights, lambda: net(torch.randn(1, 3, 8, 8)))
    scores = criterion.score(weights, {})
    assert torch.allclose(scores['loose'], before.square() / before.square().sum())
    criterion.update(weights, draw_mask(scores, 0.5))
    assert torch.equal(net.loose, before)


def test_the_order_of_a_weight_in_memory_changes_nothing():
    x, results = torch.randn(4, 3, 12, 12), []
    for layout in (torch.contiguous_format, torch.channels_last):
        torch.manual_seed(1)
        net = Net().to(memory_format=layout)
        mask = pruned(net, OptimalBrainCompression(), x, 0.6)
        assert net.first.weight.is_contiguous(memory_format=layout)
        results.append((mask, net.state_dict()))
    (mask, state), (other, same) = results
    assert all(torch.equal(mask[name], other[name]) for name in mask)
    assert all(torch.allclose(state[name], same[name], atol=1e-5) for name in state)


def channelwise(scale):
    """A net of depthwise layers, of which a channel's input is always 0, and the mask at half."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1, groups=4, bias=False),
                        nn.Conv2d(4, 3, 1, bias=False))
    x = torch.randn(1, 4, 16, 16) * scale
    x[:, 0] = 0
    return net, pruned(net, OptimalBrainCompression(), x, 0.5)


@pytest.mark.parametrize('scale', [2**20, 1e-2, 1e-4, 2**-40])
def test_the_scale_of_a_network_s_inputs_changes_nothing(scale):
    (net, mask), (other, same) = channelwise(1), channelwise(scale)
    for name, weight in net.named_parameters():
        assert torch.equal(mask[name], same[name])
        assert torch.allclose(weight, other.get_parameter(name), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize('scale', [2.**30, 2.**-80])
def test_the_scale_of_a_layer_s_weights_changes_no_score(scale):
    net, criterion, scores = Net(), OptimalBrainCompression(), []
    x = torch.randn(2, 3, 8, 8)
    for factor in (1, scale):
        with torch.no_grad():
            net.first.weight.mul_(factor)
        criterion.observe(net, dict(w=net.first.weight), lambda: net.first(x))
        scores.append(criterion.score(dict(w=net.first.weight), {})['w'])
    assert torch.equal(*scores)
    assert torch.equal(*(OptimalBrainCompression().score(dict(w=w), {})['w']
                         for w in (net.loose, net.loose * scale))), 'nor of one that is not seen'


def test_scores_of_one_row_tell_its_weights_apart():
    """Where a later removal costs less than one before, by the least that a number can be more."""
    net, criterion = nn.Linear(40, 30, bias=False), OptimalBrainCompression()
    x = torch.randn(50, 3) @ torch.randn(3, 40) * 37
    criterion.observe(net, dict(w=net.weight), lambda: net(x))
    scores = criterion.score(dict(w=net.weight), {})['w']
    assert all(len(row.unique()) == 40 for row in scores)


def test_weights_whose_inputs_are_always_0_go_first():
    _, mask = channelwise(1)
    assert mask['0.weight'].flatten(1).sum(1)[0] == 0 and not mask['1.weight'][:, 0].any()
    assert mask['1.weight'][:, 1:].any()


@pytest.mark.parametrize('width', [3, 300])
def test_a_layer_whose_input_is_always_0_goes_whole_and_first_by_position(width):
    net = nn.ModuleDict(dict(dead=nn.Linear(width, 4), alive=nn.Linear(width, 4)))
    net.forward = lambda x: net['alive'](x) + net['dead'](x * 0)
    mask = pruned(net, OptimalBrainCompression(), torch.randn(40, width), 0.5)
    assert not mask['dead.weight'].any() and mask['alive.weight'].all()
    mask = pruned(net, OptimalBrainCompression(), torch.randn(40, width), 0.25)
    assert not mask['dead.weight'][:2].any() and mask['dead.weight'][2:].all()


def test_inputs_that_are_no_numbers_give_no_scores():
    net, criterion = Net(), OptimalBrainCompression()
    weights = dict(first=net.first.weight)
    criterion.observe(net, weights, lambda: net(torch.full((1, 3, 8, 8), float('inf'))))
    assert not torch.isfinite(criterion.score(weights, {})['first']).any()


@pytest.mark.parametrize('settings', [
    dict(batches=0), dict(damping=0), dict(damping=1e-3), dict(damping='much')])
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(ConfigError, match='criterion'):
        OptimalBrainCompression(**settings)


def test_rows_of_one_group_share_its_hessian_in_parts_of_any_size(monkeypatch):
    weights = torch.randn(2, 7, 6, dtype=torch.float64)
    _, _, hessian = problem(rows=2, width=6)
    kept = torch.rand(2, 7, 6) < 0.5
    whole = (brain_compression.removal_losses(weights, hessian),
             brain_compression.compensate(weights, hessian, kept))
    monkeypatch.setattr(brain_compression, 'ROOM', 1)
    parts = (brain_compression.removal_losses(weights, hessian),
             brain_compression.compensate(weights, hessian, kept))
    alone = removal_losses(weights[1], hessian[1].expand(7, 6, 6))
    assert all(torch.allclose(a, b) for a, b in zip(whole, parts, strict=True))
    assert torch.allclose(whole[0][1], alone)
