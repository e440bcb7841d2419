"""The model of the sparse accelerator against counts by hand and its own limits."""
import math

import pytest
import torch
from small_nets import NarrowModel
from torch import nn

from mmst.costs.cost import layer_costs, total
from mmst.errors import ConfigError
from mmst.lab.accelerator.sigma import Product, Sigma, layer_time, network_time, products, roofline

#: No limit but multipliers and memory.
IDEAL = Sigma(stream_width=0, load_width=10**9)


def product(density=1., rows=256, depth=512, columns=4096):
    return Product('layer', rows, depth, columns, round(density * rows * depth), depth * columns)


def test_dense_product_that_fills_the_grid_takes_the_roofline():
    dense = product()
    assert layer_time(dense, IDEAL).seconds == pytest.approx(roofline(dense, IDEAL), rel=0.01)
    assert layer_time(dense, IDEAL).computing == pytest.approx(8 * 4096 / 500e6, rel=0.01)


def test_product_bound_by_memory_takes_the_time_of_its_bytes():
    slow = Sigma(bandwidth=1e6)
    moved = 2 * (256 * 512 + 512 * 4096 + 256 * 4096) + 256 * 512 / 8
    assert layer_time(product(), slow).seconds == pytest.approx(moved / 1e6)


@pytest.mark.parametrize('sigma', [Sigma(), IDEAL, Sigma(bandwidth=1e9), Sigma(8, 8)])
def test_time_never_falls_with_density_and_never_beats_the_roofline(sigma):
    times = [layer_time(product(d / 50), sigma).seconds for d in range(51)]
    assert times == sorted(times) and times[0] == 0
    assert all(t >= roofline(product(d / 50), sigma) for d, t in enumerate(times) if d)


@pytest.mark.parametrize('better', [dict(rows=256), dict(frequency=1e9), dict(bandwidth=1e12),
                                    dict(stream_width=512), dict(load_width=512)])
def test_a_better_accelerator_is_not_slower(better):
    sigma = Sigma(bandwidth=1e9)
    improved = Sigma(**{**vars(sigma), **better})
    for density in (0.1, 1.):
        assert layer_time(product(density), improved).computing <= \
            layer_time(product(density), sigma).computing * 1.02


def test_folds_count_whole_grids():
    narrow = Sigma(4, 4, stream_width=0, load_width=10**9)
    one, two = (layer_time(Product('x', 4, 5, 1000, n, 5000), narrow).computing for n in (16, 17))
    assert two == pytest.approx(2 * one, rel=0.01)


def test_products_of_a_network_hold_all_its_multiply_adds():
    model = NarrowModel()
    found = products(model, (64, 64))
    macs = sum(p.rows * p.depth * p.columns * p.count for p in found)
    assert macs == total(layer_costs(model, (64, 64)))['macs']


def test_zeros_and_masks_count_alike():
    model = NarrowModel()
    mask = {f'{n}.weight': torch.rand(m.weight.shape) < 0.2 for n, m in model.named_modules()
            if isinstance(m, nn.Conv2d)}
    by_mask = network_time(products(model, (64, 64), mask))[0]
    dense = network_time(products(model, (64, 64)))[0]
    with torch.no_grad():
        for name, kept in mask.items():
            model.get_parameter(name).mul_(kept)
    assert network_time(products(model, (64, 64)))[0] == by_mask < dense
    assert math.isfinite(by_mask)


@pytest.mark.parametrize('setting', [dict(rows=0), dict(bandwidth=-1.), dict(stream_width=-1)])
def test_settings_that_make_no_sense_are_refused(setting):
    with pytest.raises(ConfigError, match=next(iter(setting))):
        Sigma(**setting)
