"""The published form and this project's form compute the same."""
import pytest
import torch
import torch.nn.functional as F
from foreach_form import ForeachTraining
from published_form import (
    MaskedConv2d,
    MaskedLinear,
    PublishedTraining,
    joint_tensors,
    penalised_scales,
    published,
    separate_branches,
)
from small_nets import NarrowModel, input_image
from torch import nn

from mmst.costs.cost import feature_sizes
from mmst.search.cost import mean_macs, unit_macs
from mmst.search.units import find_units


def narrow(**changes):
    """A narrow network without dropout, in double precision."""
    model = NarrowModel(**changes).double().train()
    for m in model.modules():
        if isinstance(m, nn.Dropout):
            m.p = 0.
        if hasattr(m, 'dropout') and isinstance(m.dropout, float):
            m.dropout = 0.
    return model


def loss(model, batch):
    """Cross-entropy with the strongest of three colours."""
    out = model(batch)
    return F.cross_entropy(out, F.interpolate(batch, out.shape[-2:]).argmax(1))


def both_forms():
    """The joint network, its published form, and the latter's penalised scales."""
    joint = narrow()
    model = published(joint)
    sizes = feature_sizes(joint, (32, 32))
    return joint, model, penalised_scales(joint, model, sizes), sizes


def assert_close(found, expected):
    assert set(found) == set(expected)
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, rtol=1e-9, atol=1e-9, msg=name)


def test_outputs_and_gradients_are_the_same():
    joint, model, _, _ = both_forms()
    batch = input_image(2, 32, 32, torch.float64)
    torch.testing.assert_close(model(batch), joint(batch), rtol=1e-9, atol=1e-9)
    for net in (joint, model):
        loss(net, batch).backward()
    assert_close(joint_tensors(model, lambda p: p.grad),
                 {name: p.grad for name, p in joint.named_parameters()})


@pytest.mark.by_turns(4)
@pytest.mark.parametrize('optimizer', [
    lambda groups: torch.optim.SGD(groups, lr=0.1, momentum=0.9),
    lambda groups: torch.optim.Adam(groups, lr=1e-3, eps=1e-3)], ids=['SGD', 'Adam'])
def test_steps_with_all_extras_are_the_same(optimizer):
    joint, model, penalised, sizes = both_forms()
    settings = dict(loss=loss, optimizer=optimizer, rho=0.01, weight_decay=0.02, decay=0.9)
    groups = find_units(joint)
    macs = unit_macs(groups, sizes)
    ours = ForeachTraining(joint, [g.gamma for g in groups.values()],
                           [m / mean_macs(macs) for m in macs.values()],
                           masks=mask_at_random(joint, model), **settings)
    theirs = PublishedTraining(model, penalised, **settings)
    for seed in range(3):
        batch = torch.randn(2, 3, 32, 32, dtype=torch.float64,
                            generator=torch.Generator().manual_seed(seed))
        for training in (ours, theirs):
            training.step(batch)
    assert_close(joint_tensors(model), {n: p.detach() for n, p in joint.named_parameters()})
    averages = separate_branches(joint)
    averages.load_state_dict({name: theirs.averages.get(name, t)
                              for name, t in averages.state_dict().items()})
    assert_close(joint_tensors(averages),
                 {n: p.detach() for n, p in ours.ema.module.named_parameters()})


@torch.no_grad()
def mask_at_random(joint, model):
    """Masks in the published form; the same for ``joint``, as its optimizer wrapper takes them."""
    masks = {}
    for module in model.modules():
        if isinstance(module, (MaskedConv2d, MaskedLinear)):
            module.mask.copy_(torch.rand(module.mask.shape) < 0.7)
            module.weight.mul_(module.mask)
            masks[module.weight] = module.mask
    kept = joint_tensors(model, lambda p: masks.get(p, torch.ones_like(p)))
    pruned = {p: kept[name] == 0 for name, p in joint.named_parameters()}
    return {p: mask for p, mask in pruned.items() if mask.any()}


def test_masks_act_in_every_forward_pass():
    _, model, _, _ = both_forms()
    conv = next(m for m in model.modules() if isinstance(m, MaskedConv2d))
    before = model(input_image(2, 32, 32, torch.float64))
    conv.mask.zero_()
    assert not torch.equal(model(input_image(2, 32, 32, torch.float64)), before)
    assert conv.weight.abs().sum() > 0


def test_penalty_is_the_sum_over_all_units_with_their_relative_costs():
    joint, model, penalised, sizes = both_forms()
    training = PublishedTraining(model, penalised, loss, lambda p: torch.optim.SGD(p, 0.1), rho=2.)
    groups = find_units(joint)
    macs = torch.cat(list(unit_macs(groups, sizes).values()))
    scales = torch.cat([group.gamma.detach().abs() for group in groups.values()])
    expected = 2 * (scales * macs / macs.mean()).sum()
    torch.testing.assert_close(training.penalty().item(), expected.item(), rtol=1e-5, atol=0)
