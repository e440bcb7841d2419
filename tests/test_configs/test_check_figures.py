"""The models of the main configs are the paper's supernet: parameters, MACs, weights to prune."""
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope

import mmst  # noqa: F401
from mmst.costs.cost import layer_costs, total
from mmst.pruning.prunable import prunable_weights
from mmst.search.units import find_units

CONFIGS = Path(__file__).parents[2] / 'configs'
#: Learnable parameters; conv + linear + attention MACs in G; search blocks, hidden channels.
FIGURES = dict(
    imagenet=(17_429_016, 2.74, 67),
    cityscapes=(13_887_971, 62.12, 61),
    ade20k=(14_211_382, 36.40, 61),
    coco=(13_887_789, 6.08, 61))


@pytest.fixture(scope='module', params=FIGURES)
def built(request):
    """Task, config and its full model on the meta device."""
    cfg = Config.fromfile(CONFIGS / f'st_hrnas_{request.param}_p90.py')
    init_default_scope(cfg.default_scope)
    with torch.device('meta'):
        return request.param, cfg, MODELS.build(cfg.model)


def test_parameters_and_macs(built):
    task, cfg, model = built
    params, gmacs, _ = FIGURES[task]
    costs = total(layer_costs(model, cfg.default_hooks.search.input_shape))
    assert costs['params'] == params == sum(p.numel() for p in model.parameters())
    # The third decimal: the figures count the addition of the classifier's bias.
    assert costs['macs'] / 1e9 == pytest.approx(gmacs, abs=0.0075)


def test_search_units(built):
    task, _, model = built
    groups = find_units(model).values()
    blocks = FIGURES[task][2]
    assert sum(group.kind == 'token' for group in groups) == blocks
    assert sum(group.kind == 'channel' for group in groups) == blocks
    if task != 'imagenet':
        assert sum(len(group) for group in groups if group.kind == 'channel') == 44_928


def test_classifier_is_not_pruned(built):
    _, _, model = built
    names = prunable_weights(model)
    assert all(name.startswith(('backbone.', 'neck.')) for name in names)
