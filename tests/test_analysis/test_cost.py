"""Costs against torch's own counter and against counts by hand."""
import copy

import pytest
import torch
from small_nets import NarrowModel, cut_at_random, input_image, narrow_backbone
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mmst.analysis.cost import feature_sizes, layer_costs, total
from mmst.models import SearchBlock, search_blocks
from mmst.models.attention import Attention


#: For tests that trace often: two stages only.
SMALL = dict(channels=((4, ), (4, 6)), depths=((1, ), (1, 1)))


class Queries(nn.Module):
    """Attention behind an image: the form in which costs are asked for."""

    def __init__(self):
        super().__init__()
        self.attention = Attention(6)
        self.queries = nn.Parameter(torch.randn(5, 6))

    def forward(self, x):
        return self.attention(self.queries, x.flatten(2)[..., :6])


def torch_macs(model, image):
    """Half the FLOPs that torch counts: convolutions, linears, both products of attention."""
    attention = pytest.importorskip('torch.nn.attention', reason='torch 2.3 has it')
    counter = FlopCounterMode(display=False)
    # The fused kernels of attention are not all known to the counter.
    with torch.no_grad(), attention.sdpa_kernel(attention.SDPBackend.MATH), counter:
        model.eval()(image)
    assert counter.get_total_flops() % 2 == 0
    return counter.get_total_flops() // 2


@pytest.mark.parametrize('size', [(64, 64), (70, 39)])
def test_dense_macs_are_those_that_torch_counts(size):
    model = NarrowModel()
    assert total(layer_costs(model, size))['macs'] == torch_macs(model, input_image(1, *size))


@pytest.mark.parametrize('transformer', ['all', 'shape_preserving', 'none'])
def test_macs_of_a_searched_network_are_those_that_torch_counts(transformer):
    model = cut_at_random(narrow_backbone(transformer=transformer))
    assert total(layer_costs(model, (45, 37)))['macs'] == torch_macs(model, input_image(1, 45, 37))


@pytest.mark.parametrize('layer, params, macs', [
    (nn.Conv2d(3, 8, 3, padding=1, bias=False), 216, 216 * 35),
    (nn.Conv2d(3, 8, 3, stride=2, padding=1), 224, 216 * 12),
    (nn.Conv2d(3, 6, 5, padding=2, groups=3), 156, 150 * 35),
    (nn.BatchNorm2d(3), 6, 0),
    (nn.Linear(7, 4), 32, 28 * 15),
])
def test_costs_of_a_layer_by_hand(layer, params, macs):
    costs = total(layer_costs(layer, (5, 7)))
    assert (costs['params'], costs['macs']) == (params, macs)


def test_attention_counts_its_two_products_and_the_queries_once():
    costs = {cost.name: cost for cost in layer_costs(Queries(), (2, 9))}
    keys = {'attention.query': 5, 'attention.key': 3, 'attention.value': 3, 'attention.out': 5}
    assert {name: costs[name].macs for name in keys} == {n: c * 36 for n, c in keys.items()}
    assert costs['attention'].macs == 2 * 5 * 3 * 6
    assert (costs[''].kind, costs[''].params, costs[''].macs) == ('other', 30, 0)


def test_every_parameter_belongs_to_one_layer():
    model = cut_at_random(NarrowModel())
    costs = layer_costs(model, (32, 32))
    assert total(costs)['params'] == sum(p.numel() for p in model.parameters())
    assert len({cost.name for cost in costs}) == len(costs)


def test_layers_are_told_apart_by_kind():
    kinds = {cost.name: cost.kind for cost in layer_costs(NarrowModel(), (32, 32))}
    assert kinds['classifier'] == kinds['neck.block.mixconv.depthwise.1'] == 'conv'
    assert kinds['neck.block.transformer.encoder.feedforward.0'] == 'linear'
    assert kinds['neck.block.transformer.decoder.attention'] == 'attention'
    assert kinds['neck.block.transformer'] == kinds['neck.block.mixconv.project_bn'] == 'other'


def test_sums_can_be_those_of_a_part():
    costs = layer_costs(NarrowModel(), (32, 32))
    parts = [total(costs, prefix)['macs'] for prefix in ('backbone.', 'neck.', 'classifier')]
    assert sum(parts) == total(costs)['macs'] and all(parts)


def test_costs_grow_with_the_image_where_they_should():
    small, large = (layer_costs(narrow_backbone(**SMALL), size) for size in ((64, 64), (128, 64)))
    for a, b in zip(small, large):
        inner = 'transformer' in a.name
        assert b.macs == (a.macs if inner else 2 * a.macs)


# ------------------------------------------------------------------- sparsity


def random_mask(model, share=0.7):
    return {name: torch.rand_like(p) > share for name, p in model.named_parameters() if p.dim() > 1}


def macs_by_hand(model, image, mask):
    """Kept weights times the positions at which each is used, by the shapes of a real run."""
    found = {}

    def record(name):

        def hook(module, inputs, output):
            if isinstance(module, Attention):
                queries, memory = inputs[0].shape[-2], inputs[1].shape[-2]
                found[name] = 2 * queries * memory * inputs[1].shape[-1]
                return
            kept = mask.get(f'{name}.weight', torch.ones_like(module.weight))
            channels = 1 if isinstance(module, nn.Conv2d) else -1
            positions = output.numel() // output.shape[channels]
            found[name] = int(kept.sum()) * positions

        return hook

    handles = [m.register_forward_hook(record(name)) for name, m in model.named_modules()
               if isinstance(m, (nn.Conv2d, nn.Linear, Attention))]
    with torch.no_grad():
        model.eval()(image)
    for handle in handles:
        handle.remove()
    return found


def test_sparse_macs_are_the_kept_weights_at_their_own_positions():
    model = cut_at_random(NarrowModel(), share=0.3)
    mask = random_mask(model)
    expected = macs_by_hand(model, input_image(1, 37, 53), mask)
    costs = layer_costs(model, (37, 53), mask)
    found = {cost.name: cost.sparse_macs for cost in costs if cost.macs}
    assert found == pytest.approx(expected)
    dense = macs_by_hand(model, input_image(1, 37, 53), {})
    assert {cost.name: cost.macs for cost in costs if cost.macs} == dense


def test_nonzero_counts_what_the_mask_keeps_and_all_that_it_does_not_name():
    model = NarrowModel()
    mask = random_mask(model)
    name = 'neck.block.mixconv.expand.weight'
    del mask[name]
    costs = layer_costs(model, (32, 32), mask)
    expected = sum(int(mask[n].sum()) if n in mask else p.numel()
                   for n, p in model.named_parameters())
    assert total(costs)['nonzero'] == expected
    whole = next(cost for cost in costs if f'{cost.name}.weight' == name)
    assert whole.sparse_macs == whole.macs and whole.nonzero == whole.params


@pytest.mark.parametrize('keep, share', [(True, 1.), (False, 0.)])
def test_masks_that_keep_all_or_nothing(keep, share):
    model = SearchBlock(3, 5, transformer='none')
    mask = {name: torch.full_like(p, keep, dtype=torch.bool)
            for name, p in model.named_parameters() if p.dim() > 1}
    sums = total(layer_costs(model, (9, 9), mask))
    assert sums['sparse_macs'] == share * sums['macs']


def test_sparsity_is_counted_per_layer_and_not_by_the_global_density():
    model = nn.Sequential(nn.Conv2d(3, 8, 1, bias=False), nn.Conv2d(8, 8, 1, stride=2, bias=False))
    mask = {'0.weight': torch.zeros(8, 3, 1, 1, dtype=torch.bool)}
    sums = total(layer_costs(model, (8, 8), mask))
    assert sums['sparse_macs'] == 64 * 16


def test_a_model_that_is_one_layer_can_be_masked():
    mask = {'weight': torch.arange(8).view(4, 2, 1, 1) > 5}
    costs = layer_costs(nn.Conv2d(2, 4, 1), (3, 3), mask)
    assert [(c.name, c.macs, c.sparse_macs, c.nonzero) for c in costs] == [('', 72, 18, 6)]


# -------------------------------------------------------------------- tracing


def test_counting_leaves_the_model_untouched():
    model = nn.Sequential(nn.Conv2d(3, 6, 3), SearchBlock(6, 9, 2, tokens=3)).train()
    model[0].eval()
    calls = []
    handle = model[1].register_forward_hook(lambda *args: calls.append(args))
    for p in model.parameters():
        p.grad = torch.ones_like(p)
    state = copy.deepcopy(model.state_dict())
    random = torch.get_rng_state()

    def describe():
        return [(name, m.training, len(m._forward_hooks), len(m._forward_pre_hooks),
                 sorted(vars(m))) for name, m in model.named_modules()]

    before, objects = describe(), [id(t) for t in (*model.parameters(), *model.buffers())]
    layer_costs(model, (32, 32))
    feature_sizes(model, (32, 32))

    assert describe() == before and calls == []
    assert [id(t) for t in (*model.parameters(), *model.buffers())] == objects
    assert all(torch.equal(t, state[name]) for name, t in model.state_dict().items())
    assert all(t.device.type == 'cpu' for t in (*model.parameters(), *model.buffers()))
    assert all((p.grad == 1).all() and p.requires_grad for p in model.parameters())
    assert torch.equal(torch.get_rng_state(), random)
    model(input_image())
    assert len(calls) == 1
    handle.remove()


def test_nothing_is_computed_and_no_memory_is_needed():
    """A batch of this size would need hundreds of gigabytes."""
    sums = total(layer_costs(SearchBlock(3, 8, transformer='none'), (65_536, 65_536)))
    assert sums['macs'] > 1e12


def test_feature_sizes_round_up_in_strided_modules():
    model = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), SearchBlock(4, 6, 2, tokens=3))
    assert feature_sizes(model, (31, 46)) == {
        '1.mixconv': ((16, 23), (8, 12)), '1.transformer': ((16, 23), (8, 12))}


def test_paths_that_are_gone_have_no_size_and_no_cost():
    model = narrow_backbone(**SMALL)
    for block in search_blocks(model).values():
        block.resize({3: 0, 5: 0, 7: 0}, 0)
    assert feature_sizes(model, (32, 32)) == {}
    costs = layer_costs(model, (32, 32))
    assert not any('mixconv' in cost.name or 'transformer' in cost.name for cost in costs)


def test_double_precision_and_channels_last_cost_the_same():
    model = narrow_backbone(**SMALL)
    expected = layer_costs(model, (33, 33))
    assert layer_costs(model.double().to(memory_format=torch.channels_last), (33, 33)) == expected


def test_images_have_the_channels_of_the_first_convolution():
    model = narrow_backbone(in_channels=1, **SMALL)
    assert total(layer_costs(model, (32, 32)))['macs'] > 0