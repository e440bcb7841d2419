"""The comparison with Torch-Pruning: a table of records, and its pruner as a hook."""
import logging
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.optim import OptimWrapper
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[2] / 'benchmarks'))
import side_by_side


def row(method, seed, accuracy, macs, **more):
    return dict(method=method, seed=seed, accuracy=accuracy, macs=macs, sparse_macs=macs,
                nonzero=2_000_000, processor=10., wall=20., **dict(dict(epochs=12), **more))


def test_table_holds_means_and_ranges_of_each_method_and_the_published_figures_apart():
    text = side_by_side.table([
        row('search-50', 0, 80., 50, sparse_bytes=3_000_000), row('dense', 0, 85., 100),
        row('search-50', 1, 82., 40, sparse_bytes=5_000_000),
        row('torch-pruning-50', 0, 81., 50), row('dense', 0, 70., 100, epochs=8)])
    lines = text.splitlines()[2:]
    assert lines == [
        '| 12 | dense | 85.0 (85.0 to 85.0) | 100.0% | 2.00 | 10, 20 | - | 1 | 76.55 |',
        '| 12 | mmst to 50% | 81.0 (80.0 to 82.0) | 45.0% | 2.00 | 10, 20 | 4.0 | 2 | '
        '75.61 (Group Fisher) |',
        '| 12 | Torch-Pruning, BNScale to 50% | 81.0 (81.0 to 81.0) | 50.0% | 2.00 | 10, 20 | - '
        '| 1 | - |',
        '| 8 | dense | 70.0 (70.0 to 70.0) | 100.0% | 2.00 | 10, 20 | - | 1 | 76.55 |']


def test_methods_share_everything_but_their_own_hooks(monkeypatch):
    monkeypatch.setitem(sys.modules, 'torch_pruning_hook', SimpleNamespace())
    changed = {method: set(side_by_side.settings(method, 1e6, 12))
               for method in side_by_side.METHODS}
    assert changed['dense'] == set() and changed['torch-pruning-30'] == {'custom_hooks'}
    assert changed['search-30'] == changed['search-30-weights-10'] == {'default_hooks'}
    assert side_by_side.settings('search-50-weights-10', 1e6, 12)['default_hooks']['prune'][
        'sparsity'] == 0.9


def test_without_torch_pruning_one_line_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, 'torch_pruning', None)
    monkeypatch.delitem(sys.modules, 'torch_pruning_hook', raising=False)
    with pytest.raises(SystemExit, match='pip install torch-pruning'):
        side_by_side.settings('torch-pruning-50', 1e6, 12)


class Tiny(nn.Sequential):
    """Two convolutions and a head, where the hook looks for it."""

    def __init__(self):
        super().__init__(
            nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(),
            nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.AdaptiveAvgPool2d(1),
            nn.Flatten())
        self.head = nn.Sequential()
        self.head.fc = nn.Linear(8, 2)


def test_hook_prunes_in_steps_to_the_target_and_training_goes_on_with_the_new_parameters():
    pytest.importorskip('torch_pruning')
    from torch_pruning_hook import TorchPruningHook
    torch.manual_seed(0)
    model = Tiny()
    wrapper = OptimWrapper(torch.optim.SGD(model.parameters(), 0.1, momentum=0.9))
    runner = SimpleNamespace(model=model, optim_wrapper=wrapper, epoch=0,
                             logger=logging.getLogger('test'))
    hook = TorchPruningHook((8, 8), 1.0, first=2, last=3, reg=0.5)
    whole = hook.costs(model)['macs']
    hook.target = whole * 0.4
    hook.before_train(runner)
    left = []
    for runner.epoch in range(4):
        wrapper.zero_grad()
        wrapper.backward(model(torch.randn(4, 3, 8, 8)).square().mean())
        before = model[1].weight.grad.clone()
        if wrapper.penalty is not None:
            wrapper.penalty.add_gradients()
            assert torch.allclose(model[1].weight.grad - before, 0.5 * model[1].weight.sign())
        weight = model[0].weight.detach().clone()
        wrapper.step()
        assert not torch.equal(model[0].weight, weight)
        hook.after_train_epoch(runner)
        left.append(hook.costs(model)['macs'] / whole)
    assert left[0] == 1 and 0.4 < left[1] < 0.64 and left[2] == left[3] <= 0.4
    assert wrapper.penalty is None
