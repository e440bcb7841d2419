"""Modules in which a thing costs the same."""
import pytest
import torch
from small_nets import TwoBranches

from mmst.costs.latency.work import kind_of, timed_modules
from mmst.deploy.profile.alike import alike_modules


@pytest.fixture(scope='module')
def supernet():
    return TwoBranches().eval()


def test_blocks_of_one_size_and_stride_are_alike_in_the_sparse_engine(supernet):
    groups = alike_modules(supernet, 'sparse', torch.randn(1, 3, 32, 64))
    modules = timed_modules(supernet)
    assert sorted(path for group in groups for path in group) == sorted(modules)
    found = {path: number for number, group in enumerate(groups) for path in group}
    assert found['backbone.parallels.0.0.0'] != found['neck'] != found['backbone.stem']
    assert max(map(len, groups)) > 1
    strides = [{modules[path].mixconv.stride for path in group
                if hasattr(modules[path], 'mixconv')} for group in groups]
    assert all(len(each) <= 1 for each in strides)


def test_torchs_modules_are_alike_where_their_channels_are_too(supernet):
    modules = timed_modules(supernet)
    for group in alike_modules(supernet, 'torch', torch.randn(1, 3, 32, 64)):
        assert len({kind_of(modules[path]) for path in group}) == 1


def test_the_network_stays_as_it_is():
    supernet = TwoBranches().train()
    before = {name: value.clone() for name, value in supernet.state_dict().items()}
    alike_modules(supernet, 'sparse', torch.randn(1, 3, 8, 8))
    assert all(torch.equal(value, before[name]) for name, value in supernet.state_dict().items())
    assert supernet.training
    assert not any(module._forward_hooks for module in supernet.modules())
