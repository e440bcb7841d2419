"""When a kernel may take the place of a layer."""
import pytest
import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_hook
from torch.nn.utils import parametrize, prune

from mmst.models.unmodified import is_compiling, is_unmodified


def nothing(*_):
    """A hook."""


def test_torchs_own_class_as_it_is_made_is_plain():
    assert is_unmodified(nn.Conv2d(2, 2, 1), nn.Conv2d)
    assert not is_unmodified(nn.Conv2d(2, 2, 1), nn.BatchNorm2d)
    assert not is_unmodified(nn.SyncBatchNorm(2), nn.BatchNorm2d)


@pytest.mark.parametrize('kind', ['forward', 'forward_pre', 'full_backward', 'full_backward_pre'])
def test_a_layer_with_a_hook_is_not_plain_until_it_is_removed(kind):
    layer = nn.Conv2d(2, 2, 1)
    handle = getattr(layer, f'register_{kind}_hook')(nothing)
    assert not is_unmodified(layer, nn.Conv2d)
    handle.remove()
    assert is_unmodified(layer, nn.Conv2d)


def test_hooks_on_all_modules_count():
    handle = register_module_forward_hook(nothing)
    try:
        assert not is_unmodified(nn.Conv2d(2, 2, 1), nn.Conv2d)
    finally:
        handle.remove()


def test_pruned_parametrised_and_wrapped_layers_are_not_plain():
    pruned, parametrised, wrapped = (nn.Conv2d(2, 2, 1) for _ in range(3))
    prune.l1_unstructured(pruned, 'weight', 1)
    parametrize.register_parametrization(parametrised, 'weight', nn.Identity())
    wrapped.forward = wrapped.forward
    assert not any(is_unmodified(layer, nn.Conv2d) for layer in (pruned, parametrised, wrapped))


def test_old_versions_of_torch_are_asked_in_their_way(monkeypatch):
    assert is_compiling() is False
    monkeypatch.setattr(torch._dynamo, 'is_compiling', lambda: 'as before torch 2.3')
    assert is_compiling() is False
    monkeypatch.delattr(torch.compiler, 'is_compiling')
    assert is_compiling() == 'as before torch 2.3'
