"""One call of the kernel gives what a network's modules give, and leaves the rest to them."""
import copy
import pickle

import pytest
import torch
from deploy_tickets import small_ticket
from sparse_nets import needs_kernel
from torch import nn

from mmst.deploy.compact import compact
from mmst.deploy.sparse import SparseModel

pytestmark = needs_kernel


@pytest.fixture(scope='module')
def model():
    torch.manual_seed(0)
    return SparseModel.from_ticket(small_ticket('cityscapes', 0.5))


def by_modules(model, images):
    """What the modules give: a hook is there, so that they are called."""
    hook = model.model.register_forward_hook(lambda *given: None)
    try:
        assert model._whole(images) is None
        return model(images)
    finally:
        hook.remove()


def assert_one_call(model, images):
    output = model._whole(images)
    assert output is not None and output.std() > 0
    expected = by_modules(model, images)
    assert output.is_contiguous() and torch.equal(output, expected)
    assert torch.equal(model(images), expected)


@pytest.mark.parametrize('task, compacted', [
    ('cityscapes', True), ('coco', False), ('imagenet', False), ('imagenet', True)])
def test_outputs_are_those_of_the_modules_bit_for_bit(task, compacted):
    ticket = small_ticket(task, 0.5)
    model = SparseModel.from_ticket(compact(ticket) if compacted else ticket, threads=2)
    for size in ((64, 64), (96, 160)):
        assert_one_call(model, torch.randn(2, 3, *size))


@pytest.mark.parametrize('threads', [1, 3])
def test_images_may_come_in_any_number_size_and_order_in_memory(model, threads):
    model.threads = threads
    for images in (torch.randn(1, 3, 64, 96), torch.randn(3, 3, 32, 32),
                   torch.randn(2, 64, 96, 3).permute(0, 3, 1, 2), torch.randn(1, 3, 64, 96)):
        assert_one_call(model, images)


def test_sizes_that_are_no_multiple_are_left_to_the_modules(model):
    images = torch.randn(1, 3, 70, 39)
    assert model._whole(images) is None and model(images).std() > 0


def test_hooks_within_see_what_passes(model):
    images, seen = torch.randn(1, 3, 64, 64), []
    expected = model(images)
    hook = model.model.backbone.stem.register_forward_hook(lambda m, x, y: seen.append(y))
    assert torch.equal(model(images), expected) and len(seen) == 1
    hook.remove()
    model(images)
    assert len(seen) == 1


def test_a_module_that_is_replaced_afterwards_takes_part(model):
    images = torch.randn(1, 3, 64, 64)
    other = copy.deepcopy(model)
    expected = other(images)
    head = other.model.decode_head
    head.conv_seg = nn.Sequential(head.conv_seg, nn.Sigmoid())
    assert torch.equal(other(images), expected.sigmoid())


def test_a_pass_of_a_modules_own_takes_part_and_leaves_with_it(model):
    images = torch.randn(1, 3, 64, 64)
    expected, stem = model(images), model.model.backbone.stem
    stem.forward = lambda x, passed=stem.forward: passed(x) * 0
    assert model._whole(images) is None and not torch.equal(model(images), expected)
    del stem.forward
    assert torch.equal(model._whole(images), expected)


def test_hooks_of_a_first_call_see_the_users_images_alone(model):
    sparse, shapes = copy.deepcopy(model), []
    hook = sparse.model.backbone.stem.register_forward_hook(
        lambda module, given, output: shapes.append(tuple(given[0].shape)))
    images = torch.randn(1, 3, 64, 96)
    expected = sparse(images)
    assert shapes == [(1, 3, 64, 96)]
    hook.remove()
    assert torch.equal(sparse._whole(images), expected), 'one call runs it, once nobody looks'


def head_of(model):
    return model.model.decode_head


@pytest.mark.parametrize('change', [
    lambda m: setattr(head_of(m), 'cls_seg', lambda x: x[:, :2]),
    lambda m: setattr(m.model, '_forward', lambda x, samples=None: x[:, :2]),
    lambda m: setattr(head_of(m), 'conv_seg', nn.Identity()),
    lambda m: setattr(head_of(m), '__class__', type('Other', (type(head_of(m)), ), dict(
        cls_seg=lambda self, x: x[:, :3]))),
    lambda m: setattr(m, 'model', nn.Sequential(m.model, nn.Sigmoid()))])
def test_what_is_set_after_the_first_call_counts_as_if_it_were_set_before(model, change):
    images = torch.randn(1, 3, 64, 64)
    before, after = copy.deepcopy(model), copy.deepcopy(model)
    expected = after(images)
    change(before), change(after)
    found = after(images)
    assert torch.equal(found, before(images))
    assert found.shape != expected.shape or not torch.equal(found, expected)


def test_a_module_whose_attributes_change_still_runs_by_one_call(model):
    images, sparse = torch.randn(1, 3, 64, 64), copy.deepcopy(model)
    expected = sparse(images)
    sparse.model.note = 'mine'
    assert torch.equal(sparse._whole(images), expected)


def test_hooks_of_all_modules_see_each(model):
    images, seen = torch.randn(1, 3, 64, 64), set()
    with torch.nn.modules.module.register_module_forward_hook(
            lambda module, *passed: seen.add(module)):
        model(images)
    assert model.model.backbone.stem in seen and model._whole(images) is not None


def test_numbers_that_are_none_pass(model):
    images = torch.randn(1, 3, 64, 64)
    images[0, 0, 5, 5] = torch.nan
    found = model(images)
    torch.testing.assert_close(found, by_modules(model, images), rtol=0, atol=0, equal_nan=True)
    assert found.isnan().any()


def test_copies_and_pickles_run_by_one_call(model):
    images = torch.randn(1, 3, 64, 64)
    expected = model(images)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(other._whole(images), expected)


def test_networks_of_torchs_blocks_are_left_to_the_modules():
    model = SparseModel.from_ticket(small_ticket('cityscapes', 0.5), max_density=0.1)
    assert model.blocks['dense']
    images = torch.randn(1, 3, 64, 64)
    assert model._whole(images) is None and model(images).std() > 0


def test_whoever_asks_for_the_state_is_told_that_packed_weights_are_none_of_it(model, monkeypatch):
    said = []
    monkeypatch.setattr('mmst.deploy.sparse.sparse_model.print_log',
                        lambda text, *_: said.append(text))
    assert not model.state_dict()
    assert 'its state_dict lacks them. Remedy: save the ticket' in said[0]


def test_layers_are_timed_in_the_call_that_computes_them(model):
    images = torch.randn(1, 3, 64, 64)
    expected, times = model(images), model.time_layers(images)
    blocks = [m for m in model.model.modules() if type(m).__name__ == 'SparseSearchBlock']
    outside = [block for block in blocks if block is not model.model.neck.block]
    assert set(outside) < set(times) and model.model.neck in times
    assert min(times[block] for block in outside) > 0 and sum(times.values()) < 10**9
    assert torch.equal(model(images), expected)
    model.threads = 2
    assert model.time_layers(images)[model.model.neck] > 0
    model.threads = 1
    assert model.time_layers(torch.randn(1, 3, 70, 39)) is None
    hook = model.model.neck.register_forward_hook(lambda *given: None)
    assert model.time_layers(images) is None
    hook.remove()
