"""Costs against torch's own counter and against counts by hand."""
import copy

import pytest
import torch
import torch.nn.functional as F
from small_nets import NarrowModel, cut_at_random, input_image, narrow_backbone
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mmst.costs.cost import check_normalised, feature_sizes, image_channels, layer_costs, total
from mmst.errors import ConfigError
from mmst.models import SearchBlock, search_blocks
from mmst.models.hrnas.attention import Attention

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


class Attended(nn.Module):
    """Attention of torch: packed or separate input projections, one or two sequences."""

    def __init__(self, keys=6, own=True):
        super().__init__()
        self.attention = nn.MultiheadAttention(6, 2, kdim=keys, vdim=keys, batch_first=True)
        self.queries = None if own else nn.Parameter(torch.randn(1, 4, 6))
        self.keys = keys

    def forward(self, x):
        x = x.flatten(2)[..., :self.keys]
        return self.attention(x if self.queries is None else self.queries, x, x)[0]


def kept_part(matrix, name, part):
    """The mask that keeps the projection of queries (0), keys (1) or values (2)."""
    keep = torch.zeros(matrix.shape, dtype=torch.bool)
    if name.startswith('in_'):
        keep.unflatten(0, (3, -1))[part] = True
    else:
        keep[:] = 'qkv'.index(name[0]) == part
    return keep


@pytest.mark.parametrize('model, queries', [(Attended(), 3), (Attended(own=False), 4),
                                            (Attended(keys=5, own=False), 4)])
def test_attention_of_torch_counts_its_projections_and_products(model, queries):
    attention, keys = model.attention, 3
    costs = {cost.name: cost for cost in layer_costs(model, (2, 9))}
    projections = queries * 36 + 2 * keys * 6 * model.keys
    assert costs['attention'].kind == 'attention'
    assert costs['attention'].macs == projections + 2 * queries * keys * 6
    assert costs['attention.out_proj'].macs == queries * 36
    # Only the queries' projection is kept, then only the keys'.
    for kept, macs in ((0, queries * 36), (1, keys * 6 * model.keys)):
        mask = {f'attention.{name}': kept_part(p, name, kept)
                for name, p in attention.named_parameters() if name.endswith('proj_weight')}
        found = {c.name: c for c in layer_costs(model, (2, 9), mask)}['attention']
        assert found.sparse_macs == pytest.approx(macs + 2 * queries * keys * 6)


class Written(nn.Module):
    """A layer's computation, written as a function of its own weight."""

    def __init__(self, function, *shape):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(shape))
        self.function = function

    def forward(self, x):
        return self.function(x, self.weight)


def standardised(x, w):
    return F.conv2d(x, (w - w.mean(1, keepdim=True)) / w.std())


@pytest.mark.parametrize('model, macs', [
    (nn.ConvTranspose2d(3, 4, 2, stride=2), 35 * 3 * 4 * 4),
    (nn.ConvTranspose2d(4, 6, 3, groups=2, bias=False), 35 * 4 * 3 * 9),
    (Written(lambda x, w: x @ w, 7, 5), 15 * 35),
    (Written(lambda x, w: torch.einsum('nchw,dc->ndhw', x, w), 4, 3), 35 * 12),
    (Written(lambda x, w: w.expand(1, 3, 4, 5) @ x, 4, 5), 3 * 4 * 5 * 7),
    (Written(F.linear, 4, 7), 15 * 28),
    (Written(lambda x, w: F.bilinear(x, x, w), 2, 7, 7), 15 * 98),
    (Written(lambda x, w: F.conv2d(x, w), 4, 3, 1, 1), 35 * 12), (Written(standardised, 4, 3, 1, 1),
                                                                  35 * 12)])
@pytest.mark.parametrize('image', [(5, 7)])
def test_multiply_adds_count_however_they_are_written(model, macs, image):
    if isinstance(model, nn.ConvTranspose2d) and model.in_channels == 4:
        model = nn.Sequential(nn.Conv2d(3, 4, 1, bias=False), model)
        macs += 35 * 12
    mask = {n: torch.rand(p.shape) < 0.5 for n, p in model.named_parameters() if p.dim() > 1}
    costs = layer_costs(model, image, mask)
    assert total(costs)['macs'] == macs
    expected = sum(c.macs * float(mask[f'{c.name}.weight'.strip('.')].float().mean())
                   for c in costs if c.macs)
    assert total(costs)['sparse_macs'] == pytest.approx(expected)


def test_recurrent_layers_count_their_matrices():
    costs = {c.name: c for c in layer_costs(Recurrent(), (5, 7))}
    assert costs['lstm'].macs == 15 * (16 * 7 + 16 * 4)


class Recurrent(nn.Module):

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(7, 4, batch_first=True)

    def forward(self, x):
        return self.lstm(x.flatten(1, 2))[0]


@pytest.mark.parametrize('mean, fits', [([1.] * 12, True), ([1.], True), ([1.] * 3, False)])
def test_means_are_one_for_all_channels_or_one_for_each(mean, fits):
    model = nn.Conv2d(12, 4, 1)
    model.data_preprocessor = nn.Module()
    model.data_preprocessor.register_buffer('mean', torch.tensor(mean).view(-1, 1, 1))
    if fits:
        return check_normalised(model, (8, 8))
    with pytest.raises(ConfigError, match=r'3 numbers.*of 12 channels'):
        check_normalised(model, (8, 8))


class GateFirst(nn.Module):
    """Its first module is not the one that the image comes to."""

    def __init__(self):
        super().__init__()
        self.gate, self.stem = nn.Conv2d(16, 16, 1), nn.Conv2d(3, 16, 9)
        self.data_preprocessor = nn.Module()
        self.data_preprocessor.register_buffer('mean', torch.zeros(3, 1, 1))

    def forward(self, x):
        return self.gate(self.stem(x))


def test_means_are_not_blamed_where_the_image_is_too_small():
    with pytest.raises(RuntimeError):
        layer_costs(GateFirst(), (8, 8))
    check_normalised(GateFirst(), (8, 8))


@pytest.mark.parametrize('mean, channels', [([1., 2., 3.], 3), ([1.], 12)])
def test_images_have_the_channels_that_are_normalised(mean, channels):
    """YOLOX's first convolution sees four pixels at once."""
    model = nn.Sequential(nn.Conv2d(12, 4, 1))
    model.data_preprocessor = nn.Module()
    model.data_preprocessor.register_buffer('mean', torch.tensor(mean).view(-1, 1, 1))
    assert image_channels(model) == channels


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


def test_layers_are_distinguished_by_kind():
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
    for a, b in zip(small, large, strict=True):
        inner = 'transformer' in a.name
        assert b.macs == (a.macs if inner else 2 * a.macs)


@pytest.mark.filterwarnings('ignore:.*weight_norm.*:FutureWarning')
@pytest.mark.parametrize('norm', [nn.utils.weight_norm, nn.utils.spectral_norm,
                                  nn.utils.parametrizations.weight_norm])
def test_layers_whose_weight_is_computed_count_like_others(norm):
    model = nn.Sequential(norm(nn.Conv2d(3, 4, 3, padding=1)))
    model(torch.randn(1, 3, 5, 7))  # what it has computed cannot be copied as a parameter can
    assert total(layer_costs(model, (5, 7)))['macs'] == 35 * 108
    assert total(layer_costs(model, (5, 7)))['params'] == sum(
        p.numel() for p in model.parameters())


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


def test_a_network_that_asserts_something_of_its_image_cannot_run():
    class Particular(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Conv2d(12, 4, 1)
            self.data_preprocessor = nn.Module()
            self.data_preprocessor.register_buffer('mean', torch.zeros(3, 1, 1))

        def forward(self, x):
            x = self.first(x)
            assert x.shape[-1] > 20, 'small'
            return x

    check_normalised(Particular(), (9, 9))  # nobody is blamed, and nothing breaks off
    with pytest.raises(ConfigError, match='the network takes images of 12 channels'):
        check_normalised(Particular(), (32, 32))
